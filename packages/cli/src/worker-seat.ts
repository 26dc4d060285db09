/**
 * The place of one worker of a process, and what becomes of a worker there that ends unasked.
 *
 * It is started again after a delay that grows with each crash in a row. One that ended before it
 * was ever ready, or that crashes again and again, ends all: the others would fail alike, and
 * whoever watches the whole process must learn of it.
 */
import type { Worker } from "node:cluster";
import type { Logger } from "@fpzk/server";
import { ExitCode } from "./exit-code.js";

/** Delay before a crashed worker starts again: doubles with each crash in a row. */
const RESTART_DELAY_MIN_MS = 250;
const RESTART_DELAY_MAX_MS = 30_000;
/** A worker that lived so long counts as healthy: its crashes begin at one again. */
const HEALTHY_AFTER_MS = 60_000;
/** Crashes of one worker in a row after which the primary gives up and says so by its end. */
const CRASH_COUNT_MAX = 20;

/** How a process ended: one of the two is null. */
export interface WorkerEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

export class WorkerSeat {
  /** From 1. */
  readonly number: number;
  readonly #logger: Logger;
  #worker: Worker | undefined;
  #wasReady = false;
  #sinceMs = 0;
  #crashCount = 0;
  #restart: NodeJS.Timeout | undefined;

  constructor(number: number, logger: Logger) {
    this.number = number;
    this.#logger = logger;
  }

  /** Undefined between a crash and the next start, and once it is left. */
  get worker(): Worker | undefined {
    return this.#worker;
  }

  /** A worker was ready here: what ends later is restarted. */
  get wasReady(): boolean {
    return this.#wasReady;
  }

  take(worker: Worker, nowMs: number): void {
    this.cancelRestart();
    this.#worker = worker;
    this.#sinceMs = nowMs;
  }

  ready(): void {
    this.#wasReady = true;
    this.#logger.info("worker.started", { worker: this.number, pid: this.#worker?.process.pid });
  }

  /** Takes the place of what sat here, and owes nothing for that one's crashes. */
  replace(worker: Worker, nowMs: number): void {
    this.take(worker, nowMs);
    this.#crashCount = 0;
    this.ready();
  }

  /** Nobody is to start here again. */
  cancelRestart(): void {
    clearTimeout(this.#restart);
  }

  /** Empties the place; returns who sat there. */
  leave(): Worker | undefined {
    this.cancelRestart();
    const worker = this.#worker;
    this.#worker = undefined;
    return worker;
  }

  /**
   * Its worker ended, and nobody asked it to.
   *
   * @returns Undefined when `restart` will be called; else the exit code with which all must end.
   */
  crashed({ code, signal }: WorkerEnd, nowMs: number, restart: () => void): number | undefined {
    this.leave();
    const isHealthy = nowMs - this.#sinceMs >= HEALTHY_AFTER_MS;
    this.#crashCount = isHealthy ? 1 : this.#crashCount + 1;
    const fields = {
      worker: this.number,
      code: code ?? undefined,
      signal: signal ?? undefined,
      crashCount: this.#crashCount,
    };
    if (!this.#wasReady || this.#crashCount > CRASH_COUNT_MAX) {
      this.#logger.error("worker.gave_up", fields);
      return code === null || code === 0 ? ExitCode.failed : code;
    }
    const delayMs = restartDelayMs(this.#crashCount);
    this.#logger.error("worker.crashed", { ...fields, delayMs });
    this.#restart = setTimeout(restart, delayMs);
    return undefined;
  }
}

/** Tells a worker something; one that ended in this moment needs no message. */
export function tellWorker(worker: Worker, message: object): void {
  if (worker.isConnected()) worker.send(message, () => {});
}

/** 250 ms, 500 ms, … 30 s. */
export function restartDelayMs(crashCount: number): number {
  const exponent = Math.min(crashCount - 1, 20);
  return Math.min(RESTART_DELAY_MAX_MS, RESTART_DELAY_MIN_MS * 2 ** exponent);
}
