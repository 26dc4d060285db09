/**
 * Which share of the load each tier takes: the nearest as much as it can, the next what is left.
 *
 * Losing half of the near instances moves a part of the load and not all of it to the next place:
 * tier i takes min(its availability, what the nearer ones left). When all together cannot take
 * everything, their shares are scaled up to do so.
 *
 * A share that rises does so over {@link RETURN_RAMP_MS}: when a zone comes back its callers return
 * one after the other and not as a herd to instances with cold caches. Falling is immediate. The
 * object outlives pickers, since that is where the past is.
 *
 * @see Envoy, "Priority levels" (load of level i = min(100 - load above, health of i)). Envoy has no
 * ramp for returning levels.
 */
import type { Instant } from "../time.js";
import type { Tier } from "./tiers.js";

/** From nothing to everything. */
export const RETURN_RAMP_MS = 10_000;

/** One place's availability: `target`, reached from `base` at the pace of the ramp. */
interface Level {
  base: number;
  since: Instant;
  target: number;
}

export class TierShares {
  readonly #levels = new Map<number, Level>();
  /** Levels of the current tiers, in their order; only those of usable instances. */
  #current: readonly Level[] = [];
  /** From here on no level rises any more. */
  #settledAt = Number.NEGATIVE_INFINITY;

  /** Takes the tiers of a new picker. */
  update(tiers: readonly Pick<Tier, "localityRank" | "availability">[], now: Instant): void {
    const isFirst = [...this.#levels.values()].every(({ target }) => target === 0);
    const targets = new Map<number, number>();
    for (const { localityRank, availability } of tiers) {
      if (availability > 0) targets.set(localityRank, availability);
    }
    for (const [rank, level] of this.#levels) {
      if (!targets.has(rank)) Object.assign(level, { base: 0, since: now, target: 0 });
    }
    this.#settledAt = Number.NEGATIVE_INFINITY;
    this.#current = [...targets].map(([rank, target]) => {
      const before = this.#levels.get(rank);
      const reached = before === undefined ? 0 : availabilityOf(before, now);
      const base = isFirst ? target : Math.min(reached, target);
      const level: Level = { base, since: now, target };
      this.#levels.set(rank, level);
      this.#settledAt = Math.max(this.#settledAt, now + (target - base) * RETURN_RAMP_MS);
      return level;
    });
  }

  /** Whether every call goes to the first tier, so that nothing needs to be drawn. */
  isNearestOnly(now: Instant): boolean {
    const nearest = this.#current[0];
    if (nearest === undefined || this.#current.length === 1) return true;
    return nearest.target === 1 && now >= this.#settledAt;
  }

  /**
   * Index of the tier that takes a call.
   *
   * @param point - From 0 to 1, equally likely; equal points go to equal tiers.
   */
  choose(point: number, now: Instant): number {
    let total = 0;
    for (const level of this.#current) total += availabilityOf(level, now);
    let rest = point * Math.min(1, total);
    let left = 1;
    for (let index = 0; index < this.#current.length; index += 1) {
      const level = this.#current[index];
      if (level === undefined) break;
      const share = Math.min(left, availabilityOf(level, now));
      if (rest < share) return index;
      rest -= share;
      left -= share;
    }
    return 0;
  }
}

function availabilityOf({ base, since, target }: Level, now: Instant): number {
  return Math.min(target, base + (now - since) / RETURN_RAMP_MS);
}
