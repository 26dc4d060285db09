/**
 * Several servers behind one port: a primary that only starts, watches and ends them.
 *
 * Each worker is a node of its own. One that crashes is started again after a growing delay; one
 * that fails before it was ever ready ends all, for the others would fail alike.
 */
import cluster, { type Worker } from "node:cluster";
import { createServer } from "node:net";
import type { Logger, NodeServerOptions } from "@fpzk/server";
import { ExitCode } from "../exit-code.js";
import { CLOSE_TIMEOUT_MS, type PrimaryMessage, type WorkerMessage } from "./run-node.js";
import { onStopSignals, SIGNAL_EXIT_CODE } from "./stop-signals.js";
import { WORKER_ENVIRONMENT_NAME, type WorkerPlace } from "./worker-plan.js";

export interface WorkersOptions {
  readonly workerCount: number;
  readonly node: NodeServerOptions;
  readonly logger: Logger;
  readonly onReady: (nodeIds: readonly string[], address: string) => void;
}

/** Delay before a crashed worker starts again: doubles with each crash in a row. */
const RESTART_DELAY_MIN_MS = 250;
const RESTART_DELAY_MAX_MS = 30_000;
/** A worker that lived so long counts as healthy: its crashes begin at one again. */
const HEALTHY_AFTER_MS = 60_000;
/** Crashes of one worker in a row after which the primary gives up and says so by its end. */
const CRASH_COUNT_MAX = 20;

interface Seat {
  readonly number: number;
  worker: Worker | undefined;
  nodeId: string | undefined;
  startedAt: number;
  crashCount: number;
  restart: NodeJS.Timeout | undefined;
}

/** Runs the workers until a signal; resolves with the exit code. */
export async function runWorkers(options: WorkersOptions): Promise<number> {
  const peerPorts = await choosePeerPorts(options);
  cluster.setupPrimary({ silent: false });
  return new Promise((resolve) => new WorkerGroup(options, peerPorts, resolve).start());
}

class WorkerGroup {
  readonly #options: WorkersOptions;
  readonly #peerPorts: readonly number[];
  readonly #seats: readonly Seat[];
  readonly #onEnd: (exitCode: number) => void;
  #isStopping = false;
  #wasReady = false;
  #exitCode: number = ExitCode.ok;
  #deadline: NodeJS.Timeout | undefined;
  #forgetSignals: (() => void) | undefined;

  constructor(
    options: WorkersOptions,
    peerPorts: readonly number[],
    onEnd: (exitCode: number) => void,
  ) {
    this.#options = options;
    this.#peerPorts = peerPorts;
    this.#onEnd = onEnd;
    this.#seats = peerPorts.map((_, index) => ({
      number: index + 1,
      worker: undefined,
      nodeId: undefined,
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
        this.#tellAll({ type: "exit" });
        process.exit(SIGNAL_EXIT_CODE[signal]);
      },
    );
    for (const seat of this.#seats) this.#fork(seat);
  }

  #fork(seat: Seat): void {
    const place: WorkerPlace = { number: seat.number, peerPorts: this.#peerPorts };
    const worker = cluster.fork({ [WORKER_ENVIRONMENT_NAME]: JSON.stringify(place) });
    seat.worker = worker;
    seat.startedAt = performance.now();
    worker.on("message", (message: WorkerMessage) => {
      if (message.type === "ready") this.#ready(seat, message);
    });
    worker.on("error", (error) => {
      this.#options.logger.error("worker.error", { worker: seat.number, error: String(error) });
    });
    worker.on("exit", (code, signal) => this.#ended(seat, code, signal));
  }

  #ready(seat: Seat, message: WorkerMessage): void {
    seat.nodeId = message.nodeId;
    const pid = seat.worker?.process.pid;
    this.#options.logger.info("worker.started", { worker: seat.number, pid });
    const nodeIds = this.#seats.flatMap(({ nodeId }) => nodeId ?? []);
    if (this.#wasReady || nodeIds.length < this.#seats.length) return;
    this.#wasReady = true;
    this.#options.onReady(nodeIds, message.address);
  }

  #ended(seat: Seat, code: number | null, signal: string | null): void {
    seat.worker = undefined;
    if (this.#isStopping) {
      if (code !== 0 && this.#exitCode === ExitCode.ok) this.#exitCode = ExitCode.failed;
      this.#endIfEmpty();
      return;
    }
    const { logger } = this.#options;
    const livedMs = performance.now() - seat.startedAt;
    seat.crashCount = livedMs >= HEALTHY_AFTER_MS ? 1 : seat.crashCount + 1;
    const fields = { worker: seat.number, code: code ?? undefined, signal: signal ?? undefined };
    if (seat.nodeId === undefined || seat.crashCount > CRASH_COUNT_MAX) {
      logger.error("worker.gave_up", { ...fields, crashCount: seat.crashCount });
      this.#stop(code === null || code === 0 ? ExitCode.failed : code);
      return;
    }
    const delayMs = restartDelayMs(seat.crashCount);
    logger.error("worker.crashed", { ...fields, crashCount: seat.crashCount, delayMs });
    seat.restart = setTimeout(() => this.#fork(seat), delayMs);
  }

  #stop(exitCode: number): void {
    this.#isStopping = true;
    this.#exitCode = exitCode;
    for (const seat of this.#seats) clearTimeout(seat.restart);
    this.#tellAll({ type: "close" });
    // A little more than a worker takes for itself.
    this.#deadline = setTimeout(() => {
      for (const { worker } of this.#seats) worker?.process.kill("SIGKILL");
    }, CLOSE_TIMEOUT_MS + 2_000);
    this.#endIfEmpty();
  }

  #tellAll(message: PrimaryMessage): void {
    for (const { worker } of this.#seats) {
      // A worker that ended in this moment needs no message.
      if (worker?.isConnected()) worker.send(message, () => {});
    }
  }

  #endIfEmpty(): void {
    if (this.#seats.some(({ worker }) => worker !== undefined)) return;
    clearTimeout(this.#deadline);
    this.#forgetSignals?.();
    this.#onEnd(this.#exitCode);
  }
}

/** 250 ms, 500 ms, … 30 s. */
export function restartDelayMs(crashCount: number): number {
  const exponent = Math.min(crashCount - 1, 20);
  return Math.min(RESTART_DELAY_MAX_MS, RESTART_DELAY_MIN_MS * 2 ** exponent);
}

/** The row that the settings ask for, or free ports: kept over restarts, known to all siblings. */
async function choosePeerPorts(options: WorkersOptions): Promise<readonly number[]> {
  const { workerCount, node } = options;
  const first = node.peerPort;
  if (first !== undefined && first !== 0) {
    return Array.from({ length: workerCount }, (_, index) => first + index);
  }
  const servers = await Promise.all(
    Array.from({ length: workerCount }, () => listenOnFreePort(node.host)),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}

function listenOnFreePort(host: string) {
  const server = createServer();
  return new Promise<typeof server>((resolve, reject) => {
    server.on("error", reject);
    server.listen({ host, port: 0, exclusive: true }, () => resolve(server));
  });
}
