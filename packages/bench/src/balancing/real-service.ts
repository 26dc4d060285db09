/** Instances of one service as HTTP servers: their speeds differ, and neighbours take from them. */
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Random } from "@fpzk/core";

/** Of one request at speed 1. */
export const MEAN_WORK_MS = 20;
export const WORKER_COUNT = 2;
/** A neighbour takes three quarters of an instance for a fifth of the time. */
const NEIGHBOUR_PERIOD_MS = 5_000;
const NEIGHBOUR_RATIO = 0.2;
const NEIGHBOUR_FACTOR = 4;

/** What all of them together can answer in a second, their neighbours considered. */
export function capacityOf(speeds: readonly number[]): number {
  const sum = speeds.reduce((total, speed) => total + speed, 0);
  const left = 1 - NEIGHBOUR_RATIO + NEIGHBOUR_RATIO / NEIGHBOUR_FACTOR;
  return ((sum * WORKER_COUNT * 1_000) / MEAN_WORK_MS) * left;
}

/** An HTTP server with two workers and a queue; work is exponential, and waited for. */
export class RealInstance {
  readonly #speed: number;
  readonly #phaseMs: number;
  readonly #random: Random;
  readonly #queue: ServerResponse[] = [];
  readonly #server: Server;
  #busyCount = 0;

  constructor(speed: number, phase: number, random: Random) {
    this.#speed = speed;
    this.#phaseMs = phase * NEIGHBOUR_PERIOD_MS;
    this.#random = random;
    this.#server = createServer((_, response) => {
      this.#queue.push(response);
      this.#serve();
    });
  }

  async listen(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #serve(): void {
    if (this.#busyCount >= WORKER_COUNT) return;
    const response = this.#queue.shift();
    if (response === undefined) return;
    if (response.destroyed) return this.#serve();
    this.#busyCount += 1;
    const inPeriod =
      ((performance.now() + this.#phaseMs) % NEIGHBOUR_PERIOD_MS) / NEIGHBOUR_PERIOD_MS;
    const factor = inPeriod < NEIGHBOUR_RATIO ? NEIGHBOUR_FACTOR : 1;
    const workMs = -Math.log(1 - this.#random.next()) * (MEAN_WORK_MS / this.#speed) * factor;
    setTimeout(() => {
      this.#busyCount -= 1;
      response.end("done");
      this.#serve();
    }, workMs);
  }
}
