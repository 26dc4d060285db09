/**
 * Gives those that just came less at first: caches are cold, code is not compiled yet.
 *
 * An instance begins anew when it appears, when its program started again (a higher incarnation),
 * when it was suspect and is alive again, and when it returns from ejection. Its share then rises
 * from a tenth to the whole over the window. Only differences matter: when all are equally new, as
 * when a caller sees a service for the first time, nobody gets less.
 *
 * The balancer asks {@link SlowStart.share} of whom a policy picked, and lets the policy pick again
 * with the probability that is missing. So it works the same under each policy and needs no tables
 * anew while it goes on.
 *
 * @see Envoy "Slow start mode" (aggression 1, minimum weight 10 %); gRFC A58 has none.
 */
import { Liveness } from "../instance.js";
import type { ViewInstance } from "../pick/picker.js";
import type { Instant } from "../time.js";

/** What the first moment gets. */
const SHARE_MIN = 0.1;

interface Known {
  incarnation: number;
  isSuspect: boolean;
  begunAt: Instant;
}

export class SlowStart {
  readonly #windowMs: number;
  #known = new Map<string, Known>();
  /** Nobody is new from here on. */
  #endsAt = Number.NEGATIVE_INFINITY;
  /** When the longest-serving one began. */
  #oldestBegin = Number.POSITIVE_INFINITY;

  /** @param windowMs - 0: everyone gets everything at once. */
  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /**
   * Takes a new view.
   *
   * @returns Ids whose program is another one than before: nothing that was learned holds for it.
   */
  update(instances: readonly ViewInstance[], now: Instant): string[] {
    const known = new Map<string, Known>();
    const renewed: string[] = [];
    for (const { id, stamp, liveness } of instances) {
      const before = this.#known.get(id);
      const isSuspect = liveness === Liveness.suspect;
      const isOther = before !== undefined && before.incarnation !== stamp.incarnation;
      if (isOther) renewed.push(id);
      const isBack = before?.isSuspect === true && !isSuspect;
      const begunAt = before === undefined || isOther || isBack ? now : before.begunAt;
      known.set(id, { incarnation: stamp.incarnation, isSuspect, begunAt });
    }
    this.#known = known;
    this.#measure();
    return renewed;
  }

  /** Somebody returns from ejection. */
  begin(id: string, now: Instant): void {
    const known = this.#known.get(id);
    if (known === undefined) return;
    known.begunAt = now;
    this.#measure();
  }

  /** Share of its load that an instance gets, 0 to 1, measured by who gets most. */
  share(id: string, now: Instant): number {
    if (now >= this.#endsAt || this.#windowMs === 0) return 1;
    const begunAt = this.#known.get(id)?.begunAt ?? Number.NEGATIVE_INFINITY;
    return this.#ramp(now - begunAt) / this.#ramp(now - this.#oldestBegin);
  }

  #ramp(ageMs: number): number {
    return Math.min(1, Math.max(SHARE_MIN, ageMs / this.#windowMs));
  }

  #measure(): void {
    this.#endsAt = Number.NEGATIVE_INFINITY;
    this.#oldestBegin = Number.POSITIVE_INFINITY;
    for (const { begunAt } of this.#known.values()) {
      this.#endsAt = Math.max(this.#endsAt, begunAt + this.#windowMs);
      this.#oldestBegin = Math.min(this.#oldestBegin, begunAt);
    }
  }
}
