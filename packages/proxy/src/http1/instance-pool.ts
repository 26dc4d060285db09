/**
 * Kept-open connections to instances: a pool for each destination.
 *
 * The connection that was used last is used first, so that few are kept warm and the rest go idle.
 * Above the bound, attempts wait in order of arrival. Attempts are matched with connections as
 * these become free, whoever they were opened for.
 */
import type { AttemptFailure, AttemptReceiver, Destination, InstanceRequest } from "../call.js";
import { PooledTransport } from "../pooled-transport.js";
import { Http1Attempt } from "./http1-attempt.js";
import {
  type ConnectionOwner,
  InstanceConnection,
  type InstanceConnectionOptions,
} from "./instance-connection.js";

export interface Http1TransportOptions extends InstanceConnectionOptions {
  /** Connections to one destination. */
  readonly connectionCountMax: number;
}

export class InstancePool implements ConnectionOwner {
  readonly #destination: Destination;
  readonly #options: Http1TransportOptions;
  readonly #open = new Set<InstanceConnection>();
  readonly #idle: InstanceConnection[] = [];
  /** Attempts without a connection; bounded by the calls in work. */
  readonly #waiting: Http1Attempt[] = [];
  #connectingCount = 0;

  constructor(destination: Destination, options: Http1TransportOptions) {
    this.#destination = destination;
    this.#options = options;
  }

  get isUnused(): boolean {
    return this.#open.size === 0 && this.#waiting.length === 0;
  }

  send(request: InstanceRequest, receiver: AttemptReceiver): Http1Attempt {
    const attempt = new Http1Attempt(request, this, receiver);
    this.acquire(attempt);
    return attempt;
  }

  acquire(attempt: Http1Attempt): void {
    if (attempt.request.upgrade !== undefined) {
      this.#connect(attempt);
      return;
    }
    const kept = this.#idle.pop();
    if (kept !== undefined) {
      kept.begin(attempt);
      return;
    }
    this.#waiting.push(attempt);
    this.#dial();
  }

  /** An attempt that waits is given up. */
  forget(attempt: Http1Attempt): void {
    const index = this.#waiting.indexOf(attempt);
    if (index >= 0) this.#waiting.splice(index, 1);
  }

  sweep(nowMs: number): void {
    for (const connection of this.#open) connection.sweep(nowMs);
  }

  destroy(): void {
    for (const connection of this.#open) connection.destroy();
  }

  onConnected(connection: InstanceConnection): void {
    const { reservedFor } = connection;
    if (reservedFor === undefined) {
      this.#connectingCount -= 1;
      this.#serve(connection);
    } else if (reservedFor.isOver) connection.destroy();
    else this.#give(connection, reservedFor);
  }

  onConnectFailed(connection: InstanceConnection, failure: AttemptFailure): void {
    if (connection.reservedFor !== undefined) {
      connection.reservedFor.fail(failure);
      return;
    }
    this.#connectingCount -= 1;
    this.#waiting.shift()?.fail(failure);
    this.#dial();
  }

  onFree(connection: InstanceConnection): void {
    this.#serve(connection);
  }

  onClosed(connection: InstanceConnection): void {
    this.#open.delete(connection);
    const index = this.#idle.lastIndexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
    this.#dial();
  }

  onStale(_connection: InstanceConnection, attempt: Http1Attempt): void {
    // One was closed by the instance; those that were kept beside it most likely are too.
    for (const kept of this.#idle.splice(0)) kept.destroy();
    attempt.repeat();
  }

  #serve(connection: InstanceConnection): void {
    const attempt = this.#waiting.shift();
    if (attempt === undefined) {
      this.#idle.push(connection);
      return;
    }
    this.#give(connection, attempt);
  }

  #give(connection: InstanceConnection, attempt: Http1Attempt): void {
    connection.begin(attempt);
    attempt.receiver.onReady();
    connection.output.flush();
  }

  /** Opens connections for those that wait, as far as it may. */
  #dial(): void {
    while (
      this.#waiting.length > this.#connectingCount &&
      this.#open.size < this.#options.connectionCountMax
    ) {
      this.#connectingCount += 1;
      this.#connect(undefined);
    }
  }

  #connect(reservedFor: Http1Attempt | undefined): void {
    try {
      const options = this.#options;
      this.#open.add(new InstanceConnection(this.#destination, this, options, reservedFor));
    } catch (error) {
      // An address that no socket takes. Told later: nothing is told before `send` has returned.
      const detail = error instanceof Error ? error.message : String(error);
      const failure: AttemptFailure = { reason: "connect", detail, isUnsent: true };
      setImmediate(() => {
        if (reservedFor === undefined) this.#connectingCount -= 1;
        (reservedFor ?? this.#waiting.shift())?.fail(failure);
      });
    }
  }
}

/** Sends requests by HTTP/1.1 over pools of connections. */
export class Http1Transport extends PooledTransport<Http1Attempt> {
  constructor(options: Http1TransportOptions) {
    super((destination) => new InstancePool(destination, options));
  }
}
