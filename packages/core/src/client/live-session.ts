/** A session that a node has welcomed: when it beats, and when it counts as lost. */
import type { WelcomeMessage } from "../messages.js";
import { after, type Instant, instant, NEVER } from "../time.js";

export class LiveSession {
  readonly welcome: WelcomeMessage;
  readonly #since: Instant;
  /** How long to wait before connecting elsewhere, should the node close the connection. */
  reconnectDelayMs: number;
  /** The node asked to move: connect elsewhere then. */
  moveAt: Instant = NEVER;
  #heardAt: Instant;
  #beatAt: Instant;
  #sequence = 0;

  constructor(welcome: WelcomeMessage, now: Instant) {
    this.welcome = welcome;
    this.reconnectDelayMs = welcome.reconnectDelayMs;
    this.#since = now;
    this.#heardAt = now;
    this.#beatAt = after(now, welcome.heartbeatIntervalMs);
  }

  get isAskedToMove(): boolean {
    return this.moveAt !== NEVER;
  }

  /** When it has to be looked at. */
  get deadline(): Instant {
    return instant(Math.min(this.#beatAt, this.moveAt, this.#silentAt));
  }

  /** A welcome alone proves little: a node that ends every session at once would be stormed. */
  hasLasted(now: Instant): boolean {
    return now >= after(this.#since, this.welcome.ttlMs);
  }

  heard(now: Instant): void {
    this.#heardAt = now;
  }

  /** Compared as the deadline is computed: a rounded difference would ask for ticks without end. */
  isSilent(now: Instant): boolean {
    return now >= this.#silentAt;
  }

  /**
   * If this process stood still, for how long: what the node sent meanwhile is still in the socket,
   * so its silence is not yet held against it.
   */
  noticeStall(now: Instant): number | undefined {
    const { heartbeatIntervalMs, ttlMs } = this.welcome;
    const lateMs = now - this.#beatAt;
    if (lateMs <= heartbeatIntervalMs) return undefined;
    const allowedAt = after(now, heartbeatIntervalMs - ttlMs);
    if (this.#heardAt < allowedAt) this.#heardAt = allowedAt;
    return lateMs;
  }

  /** The number of the heartbeat to send now, if one is due. */
  beat(now: Instant): number | undefined {
    if (this.#beatAt > now) return undefined;
    this.#beatAt = after(now, this.welcome.heartbeatIntervalMs);
    this.#sequence += 1;
    return this.#sequence;
  }

  get #silentAt(): Instant {
    return after(this.#heardAt, this.welcome.ttlMs);
  }
}
