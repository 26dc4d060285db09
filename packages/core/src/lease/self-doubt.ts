/**
 * When a node should rather doubt itself than its clients.
 *
 * Many that fall silent together on one node are more likely its own stall or its own link than
 * their deaths. So lapses are counted per window; past a share of all leases the node pauses
 * expiry for one ttl, says so, and goes on by itself with the next share, in random order: a brake
 * that releases itself, not a mode to get stuck in (Eureka's self-preservation, whose ratio cannot
 * tell a scale-down from a partition, is the warning; explicit deregistrations never count here).
 *
 * Removal, which cannot be taken back, asks for more: while some node is silent and not confirmed
 * gone, an instance may have reconnected there unseen, so it stays suspect (P6), up to the long
 * ttl.
 */
import type { Random } from "../random.js";
import { after, type Instant, instant } from "../time.js";

/** Lapses to silence in one window that never cause doubt. */
export const SILENCE_COUNT_MIN = 3;
/** Removals in one window that never cause doubt. */
export const REMOVAL_COUNT_MIN = 10;
/** Share of all leases that may lapse in one window, 0 to 1. */
export const LAPSE_RATIO_MAX = 0.15;
/** A node that wakes later than this after it meant to has stalled. */
export const STALL_MS = 500;
/** How long expiry pauses after a stall, for each ms of it. */
const STALL_PAUSE_RATIO = 2;
/** While removal is held because a node is silent, it is looked at again this often. */
const HOLD_MS = 500;

export interface SelfDoubtOptions {
  /** Window and pause: one session ttl. */
  readonly windowMs: number;
  /** Longest that a removal is held back. */
  readonly holdMaxMs: number;
  readonly random: Random;
}

/** Why expiry waits. */
export type DoubtReason = "many-silent" | "many-removed" | "stalled" | "node-silent";

/** `now`, or not before an instant. */
export type Admission = "now" | { readonly until: Instant; readonly reason: DoubtReason };

export class SelfDoubt {
  readonly #options: SelfDoubtOptions;
  #pausedUntil: Instant = instant(Number.NEGATIVE_INFINITY);
  #pauseReason: DoubtReason = "stalled";
  #windowEnd: Instant = instant(Number.NEGATIVE_INFINITY);
  #silentCount = 0;
  #removedCount = 0;

  constructor(options: SelfDoubtOptions) {
    this.#options = options;
  }

  /** Whether expiry is paused now, and why; for people. */
  paused(now: Instant): DoubtReason | undefined {
    return now < this.#pausedUntil ? this.#pauseReason : undefined;
  }

  /**
   * This node woke late: what it did not hear, it may have slept through. The pause is no longer
   * than a window, and twice the sleep: a node that sleeps a little again and again goes on expiring.
   */
  stalled(lateMs: number, now: Instant): void {
    this.#pause("stalled", Math.min(this.#options.windowMs, STALL_PAUSE_RATIO * lateMs), now);
  }

  /** May a lease that was not heard be called silent? */
  admitSilence(leaseCount: number, now: Instant): Admission {
    this.#roll(now);
    if (now < this.#pausedUntil) return this.#later(this.#pauseReason);
    if (this.#silentCount >= Math.max(SILENCE_COUNT_MIN, leaseCount * LAPSE_RATIO_MAX)) {
      this.#pause("many-silent", this.#options.windowMs, now);
      return this.#later("many-silent");
    }
    this.#silentCount += 1;
    return "now";
  }

  /** May the instances of a lapsed lease be removed? */
  admitRemoval(
    lease: { suspectSince: Instant; leaseCount: number; hasSilentNode: boolean },
    now: Instant,
  ): Admission {
    this.#roll(now);
    if (now < this.#pausedUntil) return this.#later(this.#pauseReason);
    const isHeldTooLong = now >= after(lease.suspectSince, this.#options.holdMaxMs);
    if (lease.hasSilentNode && !isHeldTooLong) {
      return { until: after(now, HOLD_MS), reason: "node-silent" };
    }
    if (this.#removedCount >= Math.max(REMOVAL_COUNT_MIN, lease.leaseCount * LAPSE_RATIO_MAX)) {
      this.#pause("many-removed", this.#options.windowMs, now);
      return this.#later("many-removed");
    }
    this.#removedCount += 1;
    return "now";
  }

  #roll(now: Instant): void {
    if (now < this.#windowEnd) return;
    this.#windowEnd = after(now, this.#options.windowMs);
    this.#silentCount = 0;
    this.#removedCount = 0;
  }

  #pause(reason: DoubtReason, pauseMs: number, now: Instant): void {
    const until = after(now, pauseMs);
    if (until < this.#pausedUntil) return;
    this.#pausedUntil = until;
    this.#pauseReason = reason;
    this.#windowEnd = this.#pausedUntil;
  }

  /** Spread over a quarter of a window, so that whom the next share hits is chance. */
  #later(reason: DoubtReason): Admission {
    const spreadMs = this.#options.random.next() * (this.#options.windowMs / 4);
    return { until: after(this.#pausedUntil, spreadMs), reason };
  }
}
