/** Where keys go, before and after a change: for the tests of policies by key. */
import { instant } from "../time.js";
import type { GroupPolicy } from "./group-policy.js";

const KEY_COUNT = 20_000;
const NOW = instant(0);

export function keyOf(index: number): string {
  return `user-${index}`;
}

/** The ids that {@link KEY_COUNT} keys go to. */
export function placements(policy: GroupPolicy): (string | undefined)[] {
  return Array.from(
    { length: KEY_COUNT },
    (_, index) => policy.pick(keyOf(index), undefined, NOW)?.id,
  );
}

export interface Disruption {
  /** Share of keys that moved from or to the instance that left or joined. */
  readonly neededRatio: number;
  /** Share of keys that moved although both their instances were there before and after. */
  readonly needlessRatio: number;
}

/** What a change moved. */
export function disruptionOf(
  before: GroupPolicy,
  after: GroupPolicy,
  changedId: string,
): Disruption {
  const old = placements(before);
  const moved = placements(after).flatMap((to, index) =>
    to === old[index] ? [] : [[old[index], to]],
  );
  const neededCount = moved.filter((move) => move.includes(changedId)).length;
  return {
    neededRatio: neededCount / KEY_COUNT,
    needlessRatio: (moved.length - neededCount) / KEY_COUNT,
  };
}
