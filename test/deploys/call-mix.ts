/** What is called: mostly short reads, some writes with a body, some answers that take their time. */
import type { Random } from "@fpzk/core";
import type { Path } from "./plan.js";

export interface Call {
  readonly path: Path;
  readonly method: "GET" | "POST";
  /** May be repeated on another instance. */
  readonly isSafe: boolean;
  readonly body: string | undefined;
  /** How long the instance takes before it answers. */
  readonly waitMs: number;
  /** By gRPC: several answers. */
  readonly isStream: boolean;
  readonly echo: string;
}

const PROXY_SHARE = 0.5;
const ANYWHERE_SHARE = 0.1;
const WRITE_SHARE = 0.2;
const WRITE_BODY = "w".repeat(1_024);
const STREAM_SHARE = 0.1;
/** Still in work when a drain is confirmed: they must be finished. */
const SLOW_SHARE = 0.02;
const SLOW_MS = 150;
const SLOWEST_SHARE = 0.001;
const SLOWEST_MS = 2_000;

export class CallMix {
  readonly #random: Random;
  readonly #grpcShare: number;
  readonly #slowestMs: number;
  #count = 0;

  /**
   * @param plan - `grpcShare` of all calls, half of them through the proxy; a call that is given
   *   up after `timeoutMs` asks for half of that at most.
   */
  constructor(random: Random, plan: { readonly grpcShare: number; readonly timeoutMs: number }) {
    this.#random = random;
    this.#grpcShare = plan.grpcShare;
    this.#slowestMs = Math.min(SLOWEST_MS, plan.timeoutMs / 2);
  }

  next(): Call {
    this.#count += 1;
    const path = this.#path();
    const isSafe = path.startsWith("grpc-") || this.#random.next() >= WRITE_SHARE;
    return {
      path,
      isStream: this.#random.next() < STREAM_SHARE,
      method: isSafe ? "GET" : "POST",
      isSafe,
      body: isSafe ? undefined : WRITE_BODY,
      waitMs: this.#waitMs(),
      echo: `${this.#count}`,
    };
  }

  #path(): Path {
    const kind = this.#random.next();
    if (kind < this.#grpcShare) return kind < this.#grpcShare / 2 ? "grpc-proxy" : "grpc-embedded";
    const draw = this.#random.next();
    if (draw < PROXY_SHARE) return "proxy";
    return draw < PROXY_SHARE + ANYWHERE_SHARE ? "anywhere" : "embedded";
  }

  #waitMs(): number {
    const draw = this.#random.next();
    if (draw < SLOWEST_SHARE) return this.#slowestMs;
    return draw < SLOWEST_SHARE + SLOW_SHARE ? SLOW_MS : 0;
  }
}
