import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Job, Outcome, Report } from "./job.js";

const WORKER_PATH = fileURLToPath(new URL("./worker.js", import.meta.url));
/** A defect may fill the memory: the process ends before the machine suffers. */
const HEAP_MAX_MIB = 1_024;
/**
 * Room for what lives as long as a message is on its way. With V8's default of 16 MiB more of it is
 * copied than is thrown away, which costs a seventh of the processor time.
 */
const YOUNG_MAX_MIB = 64;
const YOUNG_MIN_MIB = 16;
const START_TIMEOUT_MS = 60_000;
/** The end of what a process said before it died. */
const STDERR_MAX_CHARS = 4_000;

/** One worker process; a hung or dead one is replaced at the next job. */
export class WorkerProcess {
  readonly #mutantName: string | undefined;
  #child: ChildProcess | undefined;
  #stderr = "";
  #settle: ((answer: Outcome | "ready") => void) | undefined;

  constructor(mutantName?: string) {
    this.#mutantName = mutantName;
  }

  /** Plays a job; gives up on it after the timeout. Never rejects. */
  async play(job: Job, timeoutMs: number): Promise<Outcome> {
    const started = await this.#start();
    if (started !== "ready") return started;
    const outcome = await this.#answer(timeoutMs, () => this.#child?.send(job));
    return outcome === "ready" ? { kind: "ended", detail: "ready twice" } : outcome;
  }

  stop(): void {
    this.#child?.kill("SIGKILL");
    this.#child = undefined;
  }

  async #start(): Promise<Outcome | "ready"> {
    if (this.#child !== undefined) return "ready";
    this.#stderr = "";
    const child = fork(WORKER_PATH, this.#mutantName === undefined ? [] : [this.#mutantName], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      execArgv: [
        `--max-old-space-size=${HEAP_MAX_MIB}`,
        `--max-semi-space-size=${YOUNG_MAX_MIB}`,
        `--min-semi-space-size=${YOUNG_MIN_MIB}`,
      ],
    });
    this.#child = child;
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_MAX_CHARS);
    });
    child.on("message", (message: Report | "ready") => {
      this.#settle?.(message === "ready" ? message : { kind: "played", report: message });
    });
    child.once("close", (code, signal) => {
      if (this.#child === child) this.#child = undefined;
      const how = signal ?? `exit code ${code}`;
      this.#settle?.({ kind: "ended", detail: `${how}: ${this.#stderr.trim()}` });
    });
    return this.#answer(START_TIMEOUT_MS, () => undefined);
  }

  #answer(timeoutMs: number, begin: () => void): Promise<Outcome | "ready"> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.stop();
        settle({ kind: "hung", timeoutMs });
      }, timeoutMs);
      const settle = (answer: Outcome | "ready") => {
        clearTimeout(timer);
        if (this.#settle === settle) this.#settle = undefined;
        resolve(answer);
      };
      this.#settle = settle;
      begin();
    });
  }
}
