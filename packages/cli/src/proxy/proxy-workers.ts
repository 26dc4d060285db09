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
import { onStopSignals, SIGNAL_EXIT_CODE } from "../stop-signals.js";
import { tellWorker, type WorkerEnd, WorkerSeat } from "../worker-seat.js";

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
/** Runs the workers until a signal; SIGHUP replaces them. Resolves with the exit code. */
export function runProxyWorkers(options: ProxyWorkersOptions): Promise<number> {
  // The primary accepts and hands out in turn; one that a stopping worker refuses goes to another.
  cluster.schedulingPolicy = cluster.SCHED_RR;
  return new Promise((resolve) => new ProxyWorkers(options, resolve).start());
}

class ProxyWorkers {
  readonly #options: ProxyWorkersOptions;
  readonly #seats: readonly WorkerSeat[];
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
    this.#seats = Array.from(
      { length: options.workerCount },
      (_, index) => new WorkerSeat(index + 1, options.logger),
    );
  }

  start(): void {
    this.#forgetSignals = onStopSignals(
      (signal) => {
        this.#options.logger.info("workers.stopping", { signal });
        this.#stop(ExitCode.ok);
      },
      (signal) => {
        for (const worker of this.#allWorkers()) tell(worker, { type: "exit" });
        process.exit(SIGNAL_EXIT_CODE[signal]);
      },
    );
    process.on("SIGHUP", this.#onHangup);
    for (const seat of this.#seats) this.#start(seat);
  }

  #fork(number: number): Worker {
    const worker = cluster.fork({ [PROXY_WORKER_NUMBER]: String(number) });
    worker.on("error", (error) => {
      this.#options.logger.error("worker.error", { worker: number, error: String(error) });
    });
    return worker;
  }

  #start(seat: WorkerSeat): void {
    const worker = this.#fork(seat.number);
    seat.take(worker, performance.now());
    worker.on("message", (message: ProxyWorkerMessage) => {
      if (message.type === "ready") this.#ready(seat, message.url);
    });
    this.#watch(seat, worker);
  }

  /** From now on its end is a crash. */
  #watch(seat: WorkerSeat, worker: Worker): void {
    worker.on("exit", (code, signal) => this.#ended(seat, worker, { code, signal }));
  }

  #ready(seat: WorkerSeat, url: string): void {
    seat.ready();
    if (this.#wasReady || this.#seats.some(({ wasReady }) => !wasReady)) return;
    this.#wasReady = true;
    this.#options.onReady(url);
  }

  #ended(seat: WorkerSeat, worker: Worker, end: WorkerEnd): void {
    if (this.#leaving.delete(worker)) {
      if (end.code !== 0 && this.#exitCode === ExitCode.ok) this.#exitCode = ExitCode.failed;
      this.#endIfEmpty();
      return;
    }
    if (seat.worker !== worker) return;
    const exitCode = seat.crashed(end, performance.now(), () => this.#start(seat));
    if (exitCode !== undefined) this.#stop(exitCode);
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
      const next = this.#fork(seat.number);
      const failure = await this.#readyOf(next);
      if (failure !== undefined) return `worker ${seat.number}: ${failure}; the old ones go on`;
      if (this.#isStopping) {
        void this.#leave(next);
        return "the proxy is stopping";
      }
      // Meanwhile the old one may have crashed and been started again.
      const old = seat.worker;
      seat.replace(next, performance.now());
      this.#watch(seat, next);
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
    tell(worker, { type: "close" });
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
      const worker = seat.leave();
      if (worker !== undefined) void this.#leave(worker);
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

function tell(worker: Worker, message: ProxyPrimaryMessage): void {
  tellWorker(worker, message);
}
