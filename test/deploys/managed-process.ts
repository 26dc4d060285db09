/**
 * A process of the run: started, watched, ended by its id, and its last words kept. Each is in a
 * group of its own, so that Ctrl-C reaches only the run, and what it started itself ends with it.
 */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const FPZK = fileURLToPath(new URL("../../../packages/cli/dist/main.js", import.meta.url));
const LOG_MAX_LENGTH = 200_000;
/** A process that does not end by itself after SIGTERM is killed, and the run has failed. */
const STOP_TIMEOUT_MS = 60_000;

export class ManagedProcess {
  readonly name: string;
  readonly child: ChildProcess;
  readonly #waiters = new Set<() => void>();
  #log = "";
  #hasEnded = false;
  #isExpectedToEnd = false;

  private constructor(
    name: string,
    child: ChildProcess,
    onUnexpectedEnd: (process: ManagedProcess, how: string) => void,
  ) {
    this.name = name;
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#log = `${this.#log}${text}`.slice(-LOG_MAX_LENGTH);
        this.#notify();
      });
    }
    child.on("error", (error) => onUnexpectedEnd(this, error.message));
    child.on("exit", (code, signal) => {
      this.#hasEnded = true;
      this.#notify();
      if (!this.#isExpectedToEnd) onUnexpectedEnd(this, signal ?? `code ${code}`);
    });
  }

  /** A program of this folder, with one plan; it speaks by messages. */
  static fork(
    name: string,
    file: string,
    plan: unknown,
    onUnexpectedEnd: (process: ManagedProcess, how: string) => void,
  ): ManagedProcess {
    const path = fileURLToPath(new URL(file, import.meta.url));
    const child = fork(path, [JSON.stringify(plan)], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      detached: true,
    });
    return new ManagedProcess(name, child, onUnexpectedEnd);
  }

  /** The `fpzk` program, without this process's settings. */
  static fpzk(
    name: string,
    args: readonly string[],
    onUnexpectedEnd: (process: ManagedProcess, how: string) => void,
  ): ManagedProcess {
    const { PATH = "" } = process.env;
    const child = spawn(process.execPath, [FPZK, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
      env: { PATH },
    });
    return new ManagedProcess(name, child, onUnexpectedEnd);
  }

  get log(): string {
    return this.#log;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Waits for a text in what it writes from now on, or wrote since `from` in the log. */
  async says(pattern: RegExp, timeoutMs: number, from = 0): Promise<RegExpExecArray> {
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      const match = pattern.exec(this.#log.slice(from));
      if (match !== null) return match;
      const leftMs = deadlineMs - performance.now();
      if (this.#hasEnded || leftMs <= 0) {
        const why = this.#hasEnded ? "ended" : `went on for ${timeoutMs} ms`;
        throw new Error(`${this.name} ${why} without ${pattern}:\n${this.#log.slice(-4_000)}`);
      }
      await this.#news(leftMs);
    }
  }

  /** It will end by itself, and that is right. */
  expectEnd(): void {
    this.#isExpectedToEnd = true;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** SIGKILL for it and what it started. */
  killGroup(): void {
    this.#isExpectedToEnd = true;
    const { pid } = this.child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // Nothing of it is left.
    }
  }

  /** SIGTERM; resolves when it has ended, with its exit code. */
  async stop(): Promise<number | null> {
    this.#isExpectedToEnd = true;
    if (this.#hasEnded) return this.child.exitCode;
    const exited = once(this.child, "exit");
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.child.kill("SIGKILL");
    }, STOP_TIMEOUT_MS);
    this.child.kill("SIGTERM");
    await exited;
    clearTimeout(timer);
    if (isLate) throw new Error(`${this.name} did not end:\n${this.#log.slice(-4_000)}`);
    return this.child.exitCode;
  }

  #notify(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }

  #news(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        this.#waiters.delete(finish);
        resolve();
      };
      const timer = setTimeout(finish, timeoutMs);
      this.#waiters.add(finish);
    });
  }
}
