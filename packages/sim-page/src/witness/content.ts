/** The digest of what a node holds of instances, as one sees at a glance whether nodes agree. */
import {
  EMPTY_DIGEST,
  InstanceState,
  RecordKind,
  type RecordTable,
  recordDigest,
  Scope,
} from "@fpzk/core";

/**
 * Eight hexadecimal digits that equal contents share: the sum of the live records' digests.
 *
 * Only what all nodes must agree on: instances and overrides that are seen everywhere.
 */
export function contentOf(table: RecordTable): string {
  let { high, low } = EMPTY_DIGEST;
  for (const slot of table.slots()) {
    const kind = table.kind(slot);
    if (kind !== RecordKind.instance && kind !== RecordKind.override) continue;
    if (table.state(slot) === InstanceState.removed) continue;
    const record = table.read(slot);
    if (record.scope !== Scope.global) continue;
    const digest = recordDigest(record);
    high = (high + digest.high) >>> 0;
    low = (low + digest.low) >>> 0;
  }
  return ((high ^ low) >>> 0).toString(16).padStart(8, "0");
}

/** Gives every content a number that it keeps for as long as contents differ; all equal: 0. */
export class Camps {
  #numbers = new Map<string, number>();

  /** The numbers of these contents, by content. */
  of(contents: readonly string[]): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const content of contents) counts.set(content, (counts.get(content) ?? 0) + 1);
    if (counts.size <= 1) {
      this.#numbers = new Map([...counts.keys()].map((content) => [content, 0]));
      return this.#numbers;
    }
    const kept = [...counts.keys()].filter((content) => this.#numbers.has(content));
    const numbers = new Map(kept.map((content) => [content, this.#numbers.get(content) ?? 0]));
    const used = new Set(numbers.values());
    const fresh = [...counts].filter(([content]) => !numbers.has(content));
    fresh.sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1));
    for (const [content] of fresh) {
      let number = 0;
      while (used.has(number)) number += 1;
      used.add(number);
      numbers.set(content, number);
    }
    this.#numbers = numbers;
    return numbers;
  }
}
