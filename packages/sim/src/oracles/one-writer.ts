/**
 * R1: a record that anybody holds is one that its origin wrote, unchanged.
 *
 * Claims: whatever a node stores under (origin, version) has the key, stamp, state, suspicion,
 * reason and body that this origin gave it when it wrote that version.
 *
 * Judged from: what nodes put into their tables; an origin's own writes are the reference.
 *
 * Excuses: none. A node that restores its table from disk holds its own past lives' records, and
 * those were seen when they were written.
 *
 * Cannot see: a record that its own origin wrote wrongly.
 */
import type { RegistryRecord } from "@fpzk/core";
import { orderOfStamps, recordText } from "./record-order.js";
import { isOfLife, type SeenNode } from "./seen.js";
import type { Court } from "./verdict.js";
import type { WrittenRecords } from "./written-records.js";

export class OneWriter {
  readonly #court: Court;
  readonly #written: WrittenRecords;

  constructor(court: Court, written: WrittenRecords) {
    this.#court = court;
    this.#written = written;
  }

  stored(node: SeenNode, record: RegistryRecord): void {
    if (isOfLife(node, record)) return;
    const original = this.#written.original(record)?.record;
    if (original === undefined) {
      this.#court.fail("R1", `${node.id} holds ${recordText(record)}, which nobody wrote`);
    } else if (!isSame(record, original)) {
      const text = `${node.id} holds ${recordText(record)}, written as ${recordText(original)}`;
      this.#court.fail("R1", text);
    }
  }
}

function isSame(a: RegistryRecord, b: RegistryRecord): boolean {
  return (
    a.state === b.state &&
    a.isSuspect === b.isSuspect &&
    a.reason === b.reason &&
    a.since === b.since &&
    orderOfStamps(a.stamp, b.stamp) === 0 &&
    a.kind === b.kind &&
    a.scope === b.scope &&
    a.service === b.service &&
    a.id === b.id &&
    isSameBytes(a.body, b.body)
  );
}

function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index += 1) if (a[index] !== b[index]) return false;
  return true;
}
