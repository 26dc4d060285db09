/**
 * Two kinds of time that do not mix.
 *
 * {@link Instant} is milliseconds on this process's monotonic clock: durations and decisions use
 * only it (P11). {@link WallTime} is milliseconds since 1970 by this machine's wall clock: shown
 * to people, never compared between machines.
 */
declare const instantBrand: unique symbol;
declare const wallTimeBrand: unique symbol;

export type Instant = number & { readonly [instantBrand]: true };
export type WallTime = number & { readonly [wallTimeBrand]: true };

/** Reads a number of milliseconds of the monotonic clock as an {@link Instant}. */
export function instant(ms: number): Instant {
  return ms as Instant;
}

/** The instant `durationMs` after `from`. */
export function after(from: Instant, durationMs: number): Instant {
  return (from + durationMs) as Instant;
}

/** An instant that never comes. */
export const NEVER = Number.POSITIVE_INFINITY as Instant;
