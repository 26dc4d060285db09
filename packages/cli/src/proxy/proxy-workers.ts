/**
 * FPZKProxy as workers behind one listening socket, which a primary holds: it only starts, watches,
 * replaces and ends them.
 *
 * The socket outlives each worker. So a generation can be replaced by the next without one refused
 * or reset connection: the new workers listen on the same socket before the old ones stop to
 * accept, and what waits in the kernel's queue belongs to the socket, not to a worker. (Two sockets
 * of one port, SO_REUSEPORT, lose what waits at the one that is closed.)
 */
import cluster, { type Worker } from "node:cluster";
import type { Logger } from "@fpzk/server";
import { ExitCode } from "../exit-code.js";
import { restartDelayMs } from "../server/run-workers.js";
import { onStopSignals, SIGNAL_EXIT_CODE } from "../server/stop-signals.js";

export interface ProxyWorkersOptions {
  readonly workerCount: number;
  /** How long a worker may take to finish; then it is killed. */
  readonly drainTimeoutMs: number;
  readonly logger: Logger;
  readonly onReady: (url: string) => void;
}

/** What a worker and its primary say to each other. */
export type ProxyWorkerMessage = { readonly type: "ready"; readonly url: string };
export type ProxyPrimaryMessage = { readonly type: "close" } | { readonly type: "exit" };

/** Variable through which a worker learns its number, from 1. */
export const PROXY_WORKER_NUMBER = "FPZK_WORKER_NUMBER";

/** A worker that is not ready by then is given up. */
const READY_TIMEOUT_MS = 60_000;
/** On top of a worker's own drain. */
const END_SLACK_MS = 5_000;
/** A worker that lived so long counts as healthy: its crashes begin at one again. */
const HEALTHY_AFTER_MS = 60_000;
/** Crashes of one worker in a row after which the primary gives up and says so by its end. */
const CRASH_COUNT_MAX = 20;

interface Seat {
  readonly number: number;
  worker: Worker | undefined;
  isReady: boolean;
  startedAt: number;
  crashCount: number;
  restart: NodeJS.Timeout | undefined;
}

/** Runs the workers until a signal; SIGHUP replaces them. Resolves with the exit code. */
export function runProxyWorkers(options: ProxyWorkersOptions): Promise<number> {
  // The primary accepts and hands out in turn; one that a stopping worker refuses goes to another.
  cluster.schedulingPolicy = cluster.SCHED_RR;
  return new Promise((resolve) => new ProxyWorkers(options, resolve).start());
}

class ProxyWorkers {
  readonly #options: ProxyWorkersOptions;
  readonly #seats: readonly Seat[];
  readonly #onEnd: (exitCode: number) => void;
  /** Workers that were told to end, of this and earlier generations. */
  readonly #leaving = new Set<Worker>();
  #isStopping = false;
  #wasReady = false;
  #isUpgrading = false;
  #isUpgradeWanted = false;
  #exitCode: number = ExitCode.ok;
  #forgetSignals: (() => void) | undefined;
  readonly #onHangup = (): void => {
    void this.#upgrade();
  };

  constructor(options: ProxyWorkersOptions, onEnd: (exitCode: number) => void) {
    this.#options = options;
    this.#onEnd = onEnd;
    this.#seats = Array.from({ length: options.workerCount }, (_, index) => ({
      number: index + 1,
      worker: undefined,
      isReady: false,
      startedAt: 0,
      crashCount: 0,
      restart: undefined,
    }));
  }

  start(): void {
    this.#forgetSignals = onStopSignals(
      (signal) => {
        this.#options.logger.info("workers.stopping", { signal });
        this.#stop(ExitCode.ok);
      },
      (signal) => {
        for (const worker of this.#allWorkers()) say(worker, { type: "exit" });
        process.exit(SIGNAL_EXIT_CODE[signal]);
      },
    );
    process.on("SIGHUP", this.#onHangup);
    for (const seat of this.#seats) this.#seat(seat, this.#fork(seat.number));
  }

  #fork(number: number): Worker {
    const worker = cluster.fork({ [PROXY_WORKER_NUMBER]: String(number) });
    worker.on("error", (error) => {
      this.#options.logger.error("worker.error", { worker: number, error: String(error) });
    });
    return worker;
  }

  /** From now on its end is a crash. */
  #seat(seat: Seat, worker: Worker): void {
    seat.worker = worker;
    seat.startedAt = performance.now();
    worker.on("message", (message: ProxyWorkerMessage) => {
      if (message.type === "ready") this.#ready(seat, worker, message.url);
    });
    worker.on("exit", (code, signal) => this.#ended(seat, worker, code, signal));
  }

  #ready(seat: Seat, worker: Worker, url: string): void {
    seat.isReady = true;
    const { pid } = worker.process;
    this.#options.logger.info("worker.started", { worker: seat.number, pid });
    if (this.#wasReady || this.#seats.some(({ isReady }) => !isReady)) return;
    this.#wasReady = true;
    this.#options.onReady(url);
  }

  #ended(seat: Seat, worker: Worker, code: number | null, signal: string | null): void {
    if (this.#leaving.delete(worker)) {
      if (code !== 0 && this.#exitCode === ExitCode.ok) this.#exitCode = ExitCode.failed;
      this.#endIfEmpty();
      return;
    }
    if (seat.worker !== worker) return;
    seat.worker = undefined;
    const { logger } = this.#options;
    const livedMs = performance.now() - seat.startedAt;
    seat.crashCount = livedMs >= HEALTHY_AFTER_MS ? 1 : seat.crashCount + 1;
    const fields = { worker: seat.number, code: code ?? undefined, signal: signal ?? undefined };
    if (!seat.isReady || seat.crashCount > CRASH_COUNT_MAX) {
      logger.error("worker.gave_up", { ...fields, crashCount: seat.crashCount });
      this.#stop(code === null || code === 0 ? ExitCode.failed : code);
      return;
    }
    const delayMs = restartDelayMs(seat.crashCount);
    logger.error("worker.crashed", { ...fields, crashCount: seat.crashCount, delayMs });
    seat.restart = setTimeout(() => this.#seat(seat, this.#fork(seat.number)), delayMs);
  }

  /** Replaces every worker, one after the other; a wish meanwhile is done afterwards, once. */
  async #upgrade(): Promise<void> {
    this.#isUpgradeWanted = true;
    if (this.#isUpgrading || this.#isStopping) return;
    this.#isUpgrading = true;
    const { logger } = this.#options;
    while (this.#isUpgradeWanted && !this.#isStopping) {
      this.#isUpgradeWanted = false;
      logger.info("workers.upgrading", { workerCount: this.#seats.length });
      const failure = await this.#replaceAll();
      if (failure === undefined) logger.info("workers.upgraded", {});
      else logger.error("workers.upgrade_failed", { reason: failure });
    }
    this.#isUpgrading = false;
  }

  /** Undefined, or why the rest stays as it was. */
  async #replaceAll(): Promise<string | undefined> {
    for (const seat of this.#seats) {
      if (this.#isStopping) return "the proxy is stopping";
      const old = seat.worker;
      const next = this.#fork(seat.number);
      const failure = await this.#readyOf(next);
      if (failure !== undefined) return `worker ${seat.number}: ${failure}; the old ones go on`;
      if (this.#isStopping) {
        void this.#leave(next);
        return "the proxy is stopping";
      }
      clearTimeout(seat.restart);
      this.#seat(seat, next);
      seat.isReady = true;
      seat.crashCount = 0;
      const { pid } = next.process;
      this.#options.logger.info("worker.started", { worker: seat.number, pid });
      if (old !== undefined) await this.#leave(old);
    }
    return undefined;
  }

  /** Undefined when it is ready, else why it will not be; then it is ended. */
  #readyOf(worker: Worker): Promise<string | undefined> {
    return new Promise((resolve) => {
      const finish = (failure: string | undefined): void => {
        clearTimeout(timer);
        worker.off("message", onMessage);
        worker.off("exit", onExit);
        resolve(failure);
      };
      const onMessage = (message: ProxyWorkerMessage): void => {
        if (message.type === "ready") finish(undefined);
      };
      const onExit = (code: number | null, signal: string | null): void => {
        finish(`it ended before it was ready (${signal ?? `code ${code}`})`);
      };
      const timer = setTimeout(() => {
        worker.process.kill("SIGKILL");
        finish(`it was not ready within ${READY_TIMEOUT_MS} ms`);
      }, READY_TIMEOUT_MS);
      worker.on("message", onMessage);
      worker.on("exit", onExit);
    });
  }

  /** Asks a worker to finish; resolves when it has ended. */
  #leave(worker: Worker): Promise<void> {
    this.#leaving.add(worker);
    say(worker, { type: "close" });
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        worker.process.kill("SIGKILL");
      }, this.#options.drainTimeoutMs + END_SLACK_MS);
      const finish = (): void => {
        clearTimeout(timer);
        resolve();
      };
      worker.once("exit", finish);
      if (worker.isDead()) finish();
    });
  }

  #stop(exitCode: number): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#exitCode = exitCode;
    for (const seat of this.#seats) {
      clearTimeout(seat.restart);
      if (seat.worker !== undefined) void this.#leave(seat.worker);
      seat.worker = undefined;
    }
    this.#endIfEmpty();
  }

  #endIfEmpty(): void {
    if (!this.#isStopping || this.#leaving.size > 0) return;
    this.#forgetSignals?.();
    process.off("SIGHUP", this.#onHangup);
    this.#onEnd(this.#exitCode);
  }

  #allWorkers(): readonly Worker[] {
    return [...this.#leaving, ...this.#seats.flatMap(({ worker }) => worker ?? [])];
  }
}

function say(worker: Worker, message: ProxyPrimaryMessage): void {
  // A worker that ended in this moment needs no message.
  if (worker.isConnected()) worker.send(message, () => {});
}
