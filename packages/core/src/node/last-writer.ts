/** The stamps of what operators say: the last word counts, by hybrid logical clock. */
import type { HybridClock } from "../hlc.js";
import { compareStamps, type RecordKey, raiseStamp, type Stamp } from "../record.js";
import type { Replica } from "../replica/replica.js";
import { NO_SLOT } from "../table/record-table.js";

/** The stamp of a word said now; undefined above the last stamp there is, which only a lie carries. */
export function stampOfWord(
  key: RecordKey,
  { replica, clock }: { replica: Replica; clock: HybridClock },
): Stamp | undefined {
  const held = replica.find(key);
  // A word from a clock that runs far ahead is not followed by this one, and still gives way.
  const below = held === NO_SLOT ? undefined : replica.table.stamp(held);
  const read = { incarnation: clock.next(), session: 0, claim: 0 };
  const isAbove = below === undefined || compareStamps(read, below) > 0;
  return isAbove ? read : raiseStamp(below);
}
