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
  readonly echo: string;
}

const PROXY_SHARE = 0.5;
const ANYWHERE_SHARE = 0.1;
const WRITE_SHARE = 0.2;
const WRITE_BODY = "w".repeat(1_024);
/** Still in work when a drain is confirmed: they must be finished. */
const SLOW_SHARE = 0.02;
const SLOW_MS = 150;
const SLOWEST_SHARE = 0.001;
const SLOWEST_MS = 2_000;

export class CallMix {
  readonly #random: Random;
  #count = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  next(): Call {
    this.#count += 1;
    const isSafe = this.#random.next() >= WRITE_SHARE;
    return {
      path: this.#path(),
      method: isSafe ? "GET" : "POST",
      isSafe,
      body: isSafe ? undefined : WRITE_BODY,
      waitMs: this.#waitMs(),
      echo: `${this.#count}`,
    };
  }

  #path(): Path {
    const draw = this.#random.next();
    if (draw < PROXY_SHARE) return "proxy";
    return draw < PROXY_SHARE + ANYWHERE_SHARE ? "anywhere" : "embedded";
  }

  #waitMs(): number {
    const draw = this.#random.next();
    if (draw < SLOWEST_SHARE) return SLOWEST_MS;
    return draw < SLOWEST_SHARE + SLOW_SHARE ? SLOW_MS : 0;
  }
}
