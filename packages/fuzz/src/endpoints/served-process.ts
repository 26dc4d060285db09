/** A real `fpzk server` that is attacked: is it there, was it stopped, does it grow. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { Violation } from "../engine/target.js";

const FPZK = fileURLToPath(new URL("../../../cli/dist/main.js", import.meta.url));
const READY_TIMEOUT_MS = 30_000;
const LOG_MAX_LENGTH = 4_000;
/** Growth of a server's resident memory that its heap's own rhythm explains. */
const RESIDENT_GROWTH_MAX_BYTES = 200 * 1024 * 1024;
export const SECRET = "a secret that only the servers of this run know";

export interface Vitals {
  /** Longest that the event loop was kept since it was last asked. */
  readonly loopDelayMs: number;
  readonly cpuMs: number;
  readonly residentBytes: number;
}

export class ServedProcess {
  readonly port: number;
  readonly #child: ChildProcess;
  #log = "";
  #firstResidentBytes: number | undefined;

  private constructor(port: number, args: readonly string[]) {
    this.port = port;
    this.#child = spawn(
      process.execPath,
      [FPZK, "server", "--node-id", "victim", "--region", "eu", "--port", `${port}`, ...args],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    this.#child.stderr?.setEncoding("utf8");
    this.#child.stderr?.on("data", (text: string) => {
      this.#log = `${this.#log}${text}`.slice(-LOG_MAX_LENGTH);
    });
  }

  static async start(args: readonly string[] = []): Promise<ServedProcess> {
    const server = new ServedProcess(await freePort(), args);
    const endMs = performance.now() + READY_TIMEOUT_MS;
    for (;;) {
      server.assertRuns();
      const answer = await fetch(`http://127.0.0.1:${server.port}/readyz`).catch(() => undefined);
      if (answer?.status === 200) break;
      if (performance.now() > endMs) throw new Error(`the server is not ready:\n${server.#log}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await server.vitals();
    return server;
  }

  /** Fails when the process has ended. */
  assertRuns(): void {
    const { exitCode, signalCode } = this.#child;
    if (exitCode === null && signalCode === null) return;
    throw new Violation(`the server ended with ${exitCode ?? signalCode}:\n${this.#log}`);
  }

  async vitals(): Promise<Vitals> {
    this.assertRuns();
    const answer = await fetch(`http://127.0.0.1:${this.port}/metrics`);
    const text = await answer.text();
    const read = (series: string) => {
      const line = text.split("\n").find((each) => each.startsWith(`${series} `));
      return Number(line?.slice(series.length + 1) ?? 0);
    };
    return {
      loopDelayMs: read('fpzk_event_loop_delay_seconds{quantile="1"}') * 1_000,
      cpuMs: read("fpzk_cpu_seconds_total") * 1_000,
      residentBytes: read("fpzk_resident_bytes"),
    };
  }

  /** Fails when memory has grown beyond the bound since this was first asked. */
  assertSize({ residentBytes }: Vitals): void {
    this.#firstResidentBytes ??= residentBytes;
    const growthBytes = residentBytes - this.#firstResidentBytes;
    if (growthBytes <= RESIDENT_GROWTH_MAX_BYTES) return;
    throw new Violation(
      `resident memory grew by ${growthBytes} bytes, must be <= ${RESIDENT_GROWTH_MAX_BYTES}`,
    );
  }

  /** Asks it to leave, and waits until it has. */
  async leave(): Promise<void> {
    this.assertRuns();
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await exited;
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
