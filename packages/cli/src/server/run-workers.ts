/**
 * Several servers behind one port: a primary that only starts, watches and ends them.
 *
 * Each worker is a node of its own; `worker-seat.ts` says what becomes of one that crashes.
 */
import cluster from "node:cluster";
import { createServer } from "node:net";
import type { Logger, NodeServerOptions } from "@fpzk/server";
import { ExitCode } from "../exit-code.js";
import { onStopSignals, SIGNAL_EXIT_CODE } from "../stop-signals.js";
import { tellWorker, type WorkerEnd, WorkerSeat } from "../worker-seat.js";
import { CLOSE_TIMEOUT_MS, type PrimaryMessage, type WorkerMessage } from "./run-node.js";
import { WORKER_ENVIRONMENT_NAME, type WorkerPlace } from "./worker-plan.js";

export interface WorkersOptions {
  readonly workerCount: number;
  readonly node: NodeServerOptions;
  readonly logger: Logger;
  readonly onReady: (nodeIds: readonly string[], address: string) => void;
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
  readonly #seats: readonly WorkerSeat[];
  /** By the number of the seat. */
  readonly #nodeIds = new Map<number, string>();
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
    this.#seats = peerPorts.map((_, index) => new WorkerSeat(index + 1, options.logger));
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

  #fork(seat: WorkerSeat): void {
    const place: WorkerPlace = { number: seat.number, peerPorts: this.#peerPorts };
    const worker = cluster.fork({ [WORKER_ENVIRONMENT_NAME]: JSON.stringify(place) });
    seat.take(worker, performance.now());
    worker.on("message", (message: WorkerMessage) => {
      if (message.type === "ready") this.#ready(seat, message);
    });
    worker.on("error", (error) => {
      this.#options.logger.error("worker.error", { worker: seat.number, error: String(error) });
    });
    worker.on("exit", (code, signal) => this.#ended(seat, { code, signal }));
  }

  #ready(seat: WorkerSeat, message: WorkerMessage): void {
    seat.ready();
    this.#nodeIds.set(seat.number, message.nodeId);
    if (this.#wasReady || this.#nodeIds.size < this.#seats.length) return;
    this.#wasReady = true;
    const nodeIds = this.#seats.flatMap(({ number }) => this.#nodeIds.get(number) ?? []);
    this.#options.onReady(nodeIds, message.address);
  }

  #ended(seat: WorkerSeat, end: WorkerEnd): void {
    if (this.#isStopping) {
      seat.leave();
      if (end.code !== 0 && this.#exitCode === ExitCode.ok) this.#exitCode = ExitCode.failed;
      this.#endIfEmpty();
      return;
    }
    const exitCode = seat.crashed(end, performance.now(), () => this.#fork(seat));
    if (exitCode !== undefined) this.#stop(exitCode);
  }

  #stop(exitCode: number): void {
    this.#isStopping = true;
    this.#exitCode = exitCode;
    for (const seat of this.#seats) seat.cancelRestart();
    this.#tellAll({ type: "close" });
    // A little more than a worker takes for itself.
    this.#deadline = setTimeout(() => {
      for (const { worker } of this.#seats) worker?.process.kill("SIGKILL");
    }, CLOSE_TIMEOUT_MS + 2_000);
    this.#endIfEmpty();
  }

  #tellAll(message: PrimaryMessage): void {
    for (const { worker } of this.#seats) {
      if (worker !== undefined) tellWorker(worker, message);
    }
  }

  #endIfEmpty(): void {
    if (this.#seats.some(({ worker }) => worker !== undefined)) return;
    clearTimeout(this.#deadline);
    this.#forgetSignals?.();
    this.#onEnd(this.#exitCode);
  }
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
