/** Client processes as the harness holds them. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "../e2e/real-cluster.js";
import type { ClientCommand, ClientPlan, ClientReport } from "./client-process.js";
import { clockMs, type LogLine } from "./log-line.js";
import { LogTail } from "./log-tail.js";

const CLIENT_PROCESS = fileURLToPath(new URL("./client-process.js", import.meta.url));
const START_TIMEOUT_MS = 180_000;
/** A drain of a load may wait out its timeout, a registration an outage. */
const COMMAND_TIMEOUT_MS = 180_000;

interface Waiter {
  readonly resolve: (isOk: boolean) => void;
  readonly reject: (error: Error) => void;
}

export class ClientGroup {
  readonly plan: ClientPlan;
  readonly #child: ChildProcess;
  readonly #tail: LogTail;
  readonly #tell: (line: LogLine) => void;
  readonly #waiters = new Map<number, Waiter>();
  #commandCount = 0;
  #isStopped = false;
  #isReady = false;
  #isKilled = false;

  constructor(plan: ClientPlan, tell: (line: LogLine) => void) {
    this.plan = plan;
    this.#tell = tell;
    this.#tail = new LogTail(plan.folder, plan.name);
    // By a file: the plan of thousands of sessions is longer than an argument may be.
    const planFile = join(plan.folder, `${plan.name}.plan.json`);
    writeFileSync(planFile, JSON.stringify(plan));
    this.#child = fork(CLIENT_PROCESS, [planFile], { stdio: "inherit" });
    this.#child.on("message", (message) => {
      const report = message as ClientReport;
      if (report.type === "ready") this.#isReady = true;
      else this.#take(report.number)?.resolve(report.isOk);
    });
    this.#child.once("exit", () => {
      for (const number of [...this.#waiters.keys()]) this.#take(number)?.resolve(false);
    });
  }

  get name(): string {
    return this.plan.name;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Resolves when all sessions are open, registered and have complete views, or it was killed. */
  async ready(): Promise<void> {
    await until(`client process ${this.name} is ready`, START_TIMEOUT_MS, () => {
      if (!this.isRunning && !this.#isKilled) {
        throw new Error(
          `it ended by itself with ${this.#child.exitCode ?? this.#child.signalCode}`,
        );
      }
      return this.#isReady || this.#isKilled;
    });
  }

  /** False when it failed, or the process is gone or goes. */
  ask(command: ClientCommand): Promise<boolean> {
    if (!this.isRunning || !this.#child.connected) return Promise.resolve(false);
    this.#commandCount += 1;
    const number = this.#commandCount;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(number);
        reject(new Error(`${this.name} did not end ${command.type} in ${COMMAND_TIMEOUT_MS} ms`));
      }, COMMAND_TIMEOUT_MS);
      const settled = () => clearTimeout(timer);
      this.#waiters.set(number, {
        resolve: (isOk) => {
          settled();
          resolve(isOk);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      });
      this.#child.send({ command, number }, (error) => {
        if (error !== null) this.#take(number)?.resolve(false);
      });
    });
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#isStopped = signal === "SIGSTOP";
    const type = this.#isStopped ? "stopped" : "continued";
    this.#tell({ type, at: clockMs(), process: this.name, isServer: false });
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    if (!this.isRunning) return;
    const exited = once(this.#child, "exit");
    this.#isKilled = true;
    this.#tell({ type: "killed", at: clockMs(), process: this.name, isServer: false });
    this.#child.kill("SIGKILL");
    await exited;
  }

  /** Hands on what was logged since the last call. */
  readLog(take: (line: LogLine) => void): void {
    this.#tail.read(take);
  }

  /** After its process ended. */
  closeLog(): void {
    this.#tail.close();
  }

  #take(number: number): Waiter | undefined {
    const waiter = this.#waiters.get(number);
    this.#waiters.delete(number);
    return waiter;
  }
}
