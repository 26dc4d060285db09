/** One real FPZKServer in a process of its own, its counters, and a bystander who must notice nothing. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { until } from "../e2e/real-cluster.js";
import { freePort } from "../free-port.js";

const FPZK = fileURLToPath(new URL("../../../packages/cli/dist/main.js", import.meta.url));
const READY_TIMEOUT_MS = 20_000;
const LOG_MAX_LENGTH = 20_000;

export interface HostileServerOptions {
  readonly nodeId: string;
  readonly arguments?: readonly string[];
  /** For `/metrics` of a server that asks for tokens. */
  readonly token?: string;
}

export class HostileServer implements AsyncDisposable {
  readonly nodeId: string;
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #headers: Readonly<Record<string, string>>;
  /** What it wrote on standard error, for a failed test. */
  log = "";

  private constructor(options: HostileServerOptions, port: number) {
    this.nodeId = options.nodeId;
    this.port = port;
    this.#headers = options.token === undefined ? {} : { authorization: `Bearer ${options.token}` };
    const args = [
      ...["server", "--node-id", options.nodeId, "--region", "us", "--port", `${port}`],
      ...["--log", "json", ...(options.arguments ?? [])],
    ];
    this.#child = spawn(process.execPath, [FPZK, ...args], { stdio: ["ignore", "ignore", "pipe"] });
    this.#child.stderr?.setEncoding("utf8");
    this.#child.stderr?.on("data", (text: string) => {
      this.log = `${this.log}${text}`.slice(-LOG_MAX_LENGTH);
    });
  }

  static async start(options: HostileServerOptions): Promise<HostileServer> {
    const server = new HostileServer(options, await freePort());
    await until(`${options.nodeId} ready`, READY_TIMEOUT_MS, async () => {
      if (!server.isRunning) throw new Error(`the server ended:\n${server.log}`);
      return (await fetch(`${server.url}/readyz`)).status === 200;
    });
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The value of one series; 0 while it is not shown. */
  async metric(series: string): Promise<number> {
    const answer = await fetch(`${this.url}/metrics`, { headers: this.#headers });
    const line = (await answer.text()).split("\n").find((each) => each.startsWith(`${series} `));
    return Number(line?.slice(series.length + 1) ?? 0);
  }

  refused(source: "session" | "link" | "port" | "http", code: string): Promise<number> {
    return this.metric(`fpzk_refused_inputs_total{source="${source}",code="${code}"}`);
  }

  /** Runs an attack and waits until a counter has risen by at least `count` over it. */
  async counts(
    series: { source: "session" | "link" | "port" | "http"; code: string } | string,
    attack: () => Promise<void>,
    count = 1,
  ): Promise<void> {
    const read = () =>
      typeof series === "string" ? this.metric(series) : this.refused(series.source, series.code);
    const name = typeof series === "string" ? series : `${series.source} ${series.code}`;
    const before = await read();
    await attack();
    let now = before;
    await until(`${name} to rise by ${count}`, 5_000, async () => {
      now = await read();
      return now >= before + count;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isRunning) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }
}
