/**
 * A cable between two processes that can be long, slow or broken: it listens, and passes every
 * connection on to a target with a one-way delay in each direction.
 *
 * A stream stays a stream: bytes are never lost or reordered within a connection, because TCP
 * would hide that. What packets' loss looks like through TCP is silence, and that is what
 * {@link Wire.stall}, {@link Wire.cut} and {@link Wire.blackhole} make. For tests and the demo.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { WirePipe } from "./wire-pipe.js";

const LISTEN_HOST = "127.0.0.1";

export interface WireOptions {
  /** Default `127.0.0.1`. */
  readonly targetHost?: string;
  readonly targetPort: number;
  /** One way. Default 0. */
  readonly delayMs?: number;
  /** Up to this much more, evenly distributed. Default 0. */
  readonly jitterMs?: number;
  /** Bytes on the way in one direction of one connection. Default 8 MiB. */
  readonly queueMaxBytes?: number;
  /** In [0, 1), for jitter. Default `Math.random`. */
  readonly random?: () => number;
}

/** `to-target`: what callers send. */
export type WireDirection = "to-target" | "to-caller";

export interface WireStats {
  /** Open now. */
  readonly connectionCount: number;
  readonly acceptedCount: number;
  readonly toTargetBytes: number;
  readonly toCallerBytes: number;
  /** On the way now. */
  readonly queuedBytes: number;
}

export interface Wire {
  readonly port: number;
  /** `host:port` to connect to. */
  readonly address: string;
  readonly stats: WireStats;
  /** For what comes from now on. */
  setDelay(delayMs: number, jitterMs?: number): void;
  /** Nothing passes in this direction (default: both) until {@link resume}; nothing is lost. */
  stall(direction?: WireDirection): void;
  /** Like {@link stall}, and no new connection is made, as that takes both directions. */
  cut(direction: WireDirection): void;
  /** True: nothing passes, no connection is made, nobody is told. False: as before. */
  blackhole(isOn: boolean): void;
  /** Ends every stall and cut. */
  resume(): void;
  /** Breaks every connection off, at both ends. */
  reset(): void;
  /**
   * Takes no more connections; resolves when what is on the way was delivered and the callers
   * have closed, or breaks off what is left after the time. For a target that ends by itself: its last
   * bytes are still in the wire then.
   */
  end(timeoutMs: number): Promise<void>;
  /** Stops listening and breaks every connection off. */
  close(): Promise<void>;
}

/** Starts a wire; it accepts connections when the promise resolves. */
export async function startWire(options: WireOptions): Promise<Wire> {
  const wire = new TcpWire(options);
  await wire.listen();
  return wire;
}

const QUEUE_MAX_BYTES = 8 * 1024 * 1024;
const DIRECTIONS: readonly WireDirection[] = ["to-target", "to-caller"];

interface Connection {
  readonly caller: Socket;
  target: Socket | undefined;
  readonly pipes: Partial<Record<WireDirection, WirePipe>>;
  dialTimer: NodeJS.Timeout | undefined;
}

class TcpWire implements Wire {
  readonly #options: WireOptions;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #stalled = new Set<WireDirection>();
  #canConnect = true;
  #isBlackhole = false;
  #delayMs: number;
  #jitterMs: number;
  #acceptedCount = 0;
  #toTargetBytes = 0;
  #toCallerBytes = 0;

  constructor(options: WireOptions) {
    this.#options = options;
    this.#delayMs = options.delayMs ?? 0;
    this.#jitterMs = options.jitterMs ?? 0;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (caller) =>
      this.#accept(caller),
    );
  }

  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? 0;
  }

  get address(): string {
    return `${LISTEN_HOST}:${this.port}`;
  }

  get stats(): WireStats {
    let queuedBytes = 0;
    for (const { pipes } of this.#connections) {
      for (const direction of DIRECTIONS) queuedBytes += pipes[direction]?.queuedBytes ?? 0;
    }
    return {
      connectionCount: this.#connections.size,
      acceptedCount: this.#acceptedCount,
      toTargetBytes: this.#toTargetBytes,
      toCallerBytes: this.#toCallerBytes,
      queuedBytes,
    };
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host: LISTEN_HOST, port: 0 }, resolve);
    });
  }

  setDelay(delayMs: number, jitterMs = 0): void {
    this.#delayMs = delayMs;
    this.#jitterMs = jitterMs;
  }

  stall(direction?: WireDirection): void {
    for (const one of direction === undefined ? DIRECTIONS : [direction]) this.#stalled.add(one);
    this.#apply();
  }

  cut(direction: WireDirection): void {
    this.#canConnect = false;
    this.stall(direction);
  }

  blackhole(isOn: boolean): void {
    this.#isBlackhole = isOn;
    this.#apply();
  }

  resume(): void {
    this.#stalled.clear();
    this.#canConnect = true;
    this.#apply();
  }

  reset(): void {
    for (const connection of this.#connections) this.#breakOff(connection);
  }

  async end(timeoutMs: number): Promise<void> {
    // Its connections are the server's: it has closed when the last of them has.
    const closed = once(this.#server, "close");
    this.#server.close();
    const timer = setTimeout(() => this.reset(), timeoutMs);
    await closed;
    clearTimeout(timer);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      if (this.#server.listening) this.#server.close(() => resolve());
      else resolve();
    });
    this.reset();
    await closed;
  }

  #accept(caller: Socket): void {
    this.#acceptedCount += 1;
    const connection: Connection = { caller, target: undefined, pipes: {}, dialTimer: undefined };
    this.#connections.add(connection);
    caller.on("error", () => {
      // `close` follows, and the pipe passes it on.
    });
    caller.on("close", () => this.#forgetWhenOver(connection));
    // The first packet takes its time, too.
    connection.dialTimer = setTimeout(() => this.#dial(connection), this.#drawDelayMs());
  }

  #dial(connection: Connection): void {
    connection.dialTimer = undefined;
    const { caller } = connection;
    if (caller.destroyed) return;
    if (!this.#canConnect || this.#isBlackhole) return;
    const { targetHost: host = "127.0.0.1", targetPort: port } = this.#options;
    const target = connect({ host, port, allowHalfOpen: true, noDelay: true });
    connection.target = target;
    target.on("error", () => {
      // `close` follows, and the pipe passes it on.
    });
    target.on("close", () => this.#forgetWhenOver(connection));
    const options = {
      delayMs: () => this.#drawDelayMs(),
      queueMaxBytes: this.#options.queueMaxBytes ?? QUEUE_MAX_BYTES,
    };
    connection.pipes["to-target"] = new WirePipe(
      {
        ...options,
        source: caller,
        sink: target,
        onDelivered: (sizeBytes) => {
          this.#toTargetBytes += sizeBytes;
        },
      },
      this.#isHeld("to-target"),
    );
    connection.pipes["to-caller"] = new WirePipe(
      {
        ...options,
        source: target,
        sink: caller,
        onDelivered: (sizeBytes) => {
          this.#toCallerBytes += sizeBytes;
        },
      },
      this.#isHeld("to-caller"),
    );
  }

  #apply(): void {
    for (const connection of this.#connections) {
      for (const direction of DIRECTIONS) {
        connection.pipes[direction]?.hold(this.#isHeld(direction));
      }
      const isWaiting = connection.target === undefined && connection.dialTimer === undefined;
      if (isWaiting) this.#dial(connection);
    }
  }

  #isHeld(direction: WireDirection): boolean {
    return this.#isBlackhole || this.#stalled.has(direction);
  }

  #drawDelayMs(): number {
    const random = this.#options.random ?? Math.random;
    return this.#delayMs + (this.#jitterMs > 0 ? random() * this.#jitterMs : 0);
  }

  #breakOff(connection: Connection): void {
    clearTimeout(connection.dialTimer);
    for (const direction of DIRECTIONS) connection.pipes[direction]?.stop();
    for (const socket of [connection.caller, connection.target]) {
      if (socket !== undefined && !socket.destroyed) socket.resetAndDestroy();
    }
    this.#connections.delete(connection);
  }

  #forgetWhenOver(connection: Connection): void {
    const isTargetOver = connection.target?.destroyed ?? true;
    if (connection.caller.destroyed && isTargetOver) {
      clearTimeout(connection.dialTimer);
      this.#connections.delete(connection);
    }
  }
}
