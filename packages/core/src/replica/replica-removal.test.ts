/** P5 over whole exchanges: nothing that was removed lives again, in whatever order word travels. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { recordFor } from "../record.fixture.js";
import { InstanceState, recordKeyText } from "../record.js";
import { NO_SLOT } from "../table/record-table.js";
import { after } from "../time.js";
import { Copies, type Copy, live, remove, TOMBSTONE_TTL_MS, write } from "./peer-links.fixture.js";

const NODES = ["a", "b", "c"] as const;
const IDS = ["1", "2"];

type Move =
  | { readonly type: "write" | "remove"; readonly node: number; readonly id: string }
  | { readonly type: "meet" | "forget" | "push"; readonly node: number }
  | { readonly type: "cut"; readonly node: number };

const moves: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constantFrom("write" as const, "remove" as const),
      node: fc.nat(2),
      id: fc.constantFrom(...IDS),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constantFrom(
        "meet" as const,
        "meet" as const,
        "push" as const,
        "forget" as const,
        "cut" as const,
      ),
      node: fc.nat(2),
    }),
  },
);

/** Three copies, each linked with the next at times, and what was ever removed. */
class Histories {
  readonly copies = new Copies();
  readonly all: readonly Copy[] = NODES.map((id) => this.copies.add(id));
  /** Key and stamp of every tombstone ever written. */
  readonly removed = new Set<string>();

  play(move: Move): void {
    const copy = this.at(move.node);
    const next = this.at((move.node + 1) % 3);
    if (move.type === "write") this.#write(copy, move.id);
    else if (move.type === "remove") this.#remove(copy, move.id);
    else if (move.type === "push") this.copies.push(copy);
    else if (move.type === "cut") this.copies.cut(copy, next);
    else if (move.type === "meet") this.meet(copy, next);
    else this.#forget(copy);
    this.copies.settle();
    this.check();
  }

  at(node: number): Copy {
    const copy = this.all[node];
    assert.ok(copy);
    return copy;
  }

  meet(a: Copy, b: Copy): void {
    if (a.links.toNode(b.id) === undefined) this.copies.join(a, b);
    else this.copies.greet(a, b, "now");
  }

  /** No copy shows a (key, stamp) alive that any node removed. */
  check(): void {
    for (const copy of this.all) {
      for (const slot of copy.replica.table.slots()) {
        const held = copy.replica.table.read(slot);
        if (held.state === InstanceState.removed) continue;
        const name = nameOf(held);
        if (!this.removed.has(name)) continue;
        // One that has not heard of the removal yet may show it; not one that has.
        assert.ok(!this.#hasHeard(copy, name), `${name} lives again at ${copy.id}`);
      }
      for (const name of this.removed)
        if (isGoneAt(copy, name)) this.#heard.add(`${copy.id} ${name}`);
    }
  }

  readonly #heard = new Set<string>();

  #hasHeard(copy: Copy, name: string): boolean {
    return this.#heard.has(`${copy.id} ${name}`);
  }

  #write(copy: Copy, id: string): void {
    // No two writes choose one stamp.
    write(this.copies, copy, id, { incarnation: this.copies.nextIncarnation() });
  }

  #remove(copy: Copy, id: string): void {
    const slot = copy.replica.find(recordFor(id));
    if (slot === NO_SLOT) return;
    const held = copy.replica.table.read(slot);
    // Only its writer removes: who takes over a record does so because its writer is gone.
    if (held.state === InstanceState.removed || !copy.replica.isOwn(held.origin)) return;
    this.removed.add(nameOf(held));
    remove(this.copies, copy, id);
    this.#heard.add(`${copy.id} ${nameOf(held)}`);
  }

  #forget(copy: Copy): void {
    this.copies.now = after(this.copies.now, TOMBSTONE_TTL_MS);
    copy.replica.collectTombstones(this.copies.now, 1_000);
  }
}

function nameOf(record: Parameters<typeof recordKeyText>[0] & { stamp: object }): string {
  return `${recordKeyText(record)} ${JSON.stringify({ ...record.stamp, claim: 0 })}`;
}

/** Whether the copy holds the very tombstone. */
function isGoneAt(copy: Copy, name: string): boolean {
  return [...copy.replica.table.slots()].some((slot) => {
    const held = copy.replica.table.read(slot);
    return held.state === InstanceState.removed && nameOf(held) === name;
  });
}

describe("removal (P5)", () => {
  it("what a copy has seen removed never lives there again, forgotten tombstones included", () => {
    fc.assert(
      fc.property(fc.array(moves, { maxLength: 40, size: "max" }), (history) => {
        const one = new Histories();
        for (const move of history) one.play(move);
      }),
      { numRuns: 300 },
    );
  });

  it("and once all have met again, all hold the same, and nothing removed", () => {
    fc.assert(
      fc.property(
        fc.array(moves, { maxLength: 40, size: "max" }),
        fc.boolean(),
        (history, isHeard) => {
          const one = new Histories();
          for (const copy of one.all) copy.isHeard = () => isHeard;
          for (const move of history) one.play(move);
          for (let round = 0; round < 6; round += 1) {
            for (const node of [0, 1, 2]) one.meet(one.at(node), one.at((node + 1) % 3));
            one.copies.settle();
            one.copies.round("now");
          }
          one.check();
          const [first, ...others] = one.all.map(live);
          for (const other of others) assert.deepEqual(other, first);
        },
      ),
      { numRuns: 300 },
    );
  });
});
