/**
 * What a view tells its node that this one lost.
 *
 * Every node that had seen a record, or its removal, may have lost that with its state, and the
 * program that lives now stand below it: its registration would be hidden from this view, for as
 * long as the view remembers. So the view says what it has seen, and the program's node writes the
 * registration anew, above. Not of a record whose owner lives: that one's word is on its way.
 * Changes show it as well as complete answers, which are asked for ever more seldom.
 */
import { NodeStatus } from "../instance.js";
import { type Origin, RecordKind, type Stamp } from "../record.js";
import type { MemberTable } from "./member-liveness.js";
import { type Entry, readEntryKey, type ViewSlot } from "./view-slot.js";

/** What was seen of an instance, and nobody is left to say again. */
export interface LostStamp {
  readonly id: string;
  readonly stamp: Stamp;
}

/** Of the entries that are ahead of the node's: those that their owner will not say again. */
export function lostStamps(
  keys: Iterable<string>,
  slots: { get(id: string): ViewSlot | undefined },
  members: MemberTable | undefined,
): LostStamp[] {
  const found: LostStamp[] = [];
  for (const key of keys) {
    const { index, id } = readEntryKey(key);
    const entry = slots.get(id)?.entries[index];
    if (entry !== undefined && isUnsayable(entry, members)) {
      found.push({ id, stamp: entry.record.stamp });
    }
  }
  return found;
}

/** Whether nobody is left to say an instance's record again: it was removed, or its owner is gone. */
export function isUnsayable({ record, digest }: Entry, members: MemberTable | undefined): boolean {
  if (record.kind !== RecordKind.instance) return false;
  return digest === undefined || isLifeOver(record.origin, members);
}

/** Whether a node is gone, or lives in another generation: also a lower one, by a wrong clock. */
function isLifeOver({ nodeId, generation }: Origin, members: MemberTable | undefined): boolean {
  if (members === undefined) return false;
  const owner = members.get(nodeId);
  if (owner === undefined || owner.generation !== generation) return true;
  return owner.status === NodeStatus.dead || owner.status === NodeStatus.left;
}
