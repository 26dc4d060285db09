/** Sends each request by the protocol that its instance speaks. */
import type { Attempt, AttemptReceiver, Destination, InstanceRequest, Transport } from "./call.js";
import { Http1Transport, type Http1TransportOptions } from "./http1/instance-pool.js";
import { Http2Transport } from "./http2/instance-sessions.js";

export class InstanceTransport implements Transport {
  readonly #http1: Http1Transport;
  readonly #http2: Http2Transport;

  constructor(options: Http1TransportOptions) {
    this.#http1 = new Http1Transport(options);
    this.#http2 = new Http2Transport({ ...options, ...options.limits });
  }

  send(request: InstanceRequest, destination: Destination, receiver: AttemptReceiver): Attempt {
    const transport = destination.isHttp2 ? this.#http2 : this.#http1;
    return transport.send(request, destination, receiver);
  }

  /** Closes what is idle for too long and fails what takes too long. */
  sweep(nowMs: number): void {
    this.#http1.sweep(nowMs);
    this.#http2.sweep(nowMs);
  }

  /** Breaks off whatever is still under way. */
  destroy(): void {
    this.#http1.destroy();
    this.#http2.destroy();
  }
}
