/** Requests to instances, each over the pool of connections of its destination. */
import type { Attempt, AttemptReceiver, Destination, InstanceRequest, Transport } from "./call.js";

/** Connections to one destination. */
export interface DestinationPool<A extends Attempt> {
  /** Nothing is open, under way or waiting. */
  readonly isUnused: boolean;
  send(request: InstanceRequest, receiver: AttemptReceiver): A;
  /** Closes what is idle for too long and fails what takes too long. */
  sweep(nowMs: number): void;
  destroy(): void;
}

/** Pools that are not used any more are dropped at the next sweep. */
export class PooledTransport<A extends Attempt> implements Transport {
  readonly #openPool: (destination: Destination) => DestinationPool<A>;
  readonly #pools = new Map<string, DestinationPool<A>>();

  constructor(openPool: (destination: Destination) => DestinationPool<A>) {
    this.#openPool = openPool;
  }

  send(request: InstanceRequest, destination: Destination, receiver: AttemptReceiver): A {
    const { host, port, isTls } = destination;
    const key = `${isTls ? "tls" : "tcp"}:${port}:${host}`;
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = this.#openPool(destination);
      this.#pools.set(key, pool);
    }
    return pool.send(request, receiver);
  }

  sweep(nowMs: number): void {
    for (const [key, pool] of this.#pools) {
      pool.sweep(nowMs);
      if (pool.isUnused) this.#pools.delete(key);
    }
  }

  /** Breaks off whatever is still under way. */
  destroy(): void {
    for (const pool of this.#pools.values()) pool.destroy();
    this.#pools.clear();
  }
}
