/**
 * Whether an instance still hears an HTTP/2 session: by what came from it, not by what was sent.
 *
 * An instance that stands still, or a host that is gone, keeps its connection: streams that end by
 * their callers' patience must not pass for a sign of life. One that owes an answer and says
 * nothing is pinged (RFC 9113 §6.7), and given up when no answer comes.
 *
 * gRPC servers end connections that are pinged often while nothing is sent to them (gRFC A8: more
 * than once in five minutes, by default). So a stream that is silent for hours is pinged once,
 * then every five minutes; whatever is asked or heard meanwhile begins anew.
 */
export const PING_AFTER_MS = 10_000;
export const PING_AGAIN_MS = 300_000;
export const PING_TIMEOUT_MS = 10_000;

export class SessionWatch {
  #heardBytes = 0;
  /** Since when it owes something; undefined: nothing. */
  #owesSinceMs: number | undefined;
  #pingedAtMs: number | undefined;
  /** Its last word was the answer to a ping, and nothing was asked since. */
  #isProven = false;

  /** A stream was opened. */
  asked(nowMs: number): void {
    if (this.#isProven) this.#owesSinceMs = nowMs;
    this.#isProven = false;
    this.#owesSinceMs ??= nowMs;
  }

  /** A ping was answered. */
  answered(heardBytes: number, nowMs: number): void {
    this.#heardBytes = heardBytes;
    this.#pingedAtMs = undefined;
    this.#owesSinceMs = nowMs;
    this.#isProven = true;
  }

  /**
   * @param heardBytes - That came by the connection so far.
   * @param streamCount - That are open.
   * @returns What to do: a ping now, or nothing more with it.
   */
  look(heardBytes: number, streamCount: number, nowMs: number): "ping" | "gone" | undefined {
    if (heardBytes !== this.#heardBytes) {
      this.#heardBytes = heardBytes;
      this.#owesSinceMs = streamCount === 0 ? undefined : nowMs;
      this.#isProven = false;
    }
    if (this.#pingedAtMs !== undefined) {
      return nowMs - this.#pingedAtMs >= PING_TIMEOUT_MS ? "gone" : undefined;
    }
    const patienceMs = this.#isProven ? PING_AGAIN_MS : PING_AFTER_MS;
    if (streamCount === 0 || this.#owesSinceMs === undefined) return undefined;
    if (nowMs - this.#owesSinceMs < patienceMs) return undefined;
    this.#pingedAtMs = nowMs;
    return "ping";
  }
}
