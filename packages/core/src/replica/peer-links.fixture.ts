/** A few copies joined by links in memory: messages wait in order until they are delivered. */

import type { DeltaMessage, PeerMessage } from "../messages.js";
import { createCounters } from "../node/node-counters.js";
import { recordFor, stampOf } from "../record.fixture.js";
import { InstanceState, RecordKind, RemovalReason, Scope } from "../record.js";
import { MapRecordTable } from "../table/map-record-table.js";
import { type Instant, instant } from "../time.js";
import { PeerLinks, type PeerLinksCounters } from "./peer-links.js";
import { Replica } from "./replica.js";

export const TOMBSTONE_TTL_MS = 10_000;

export interface Copy {
  readonly id: string;
  readonly region: string;
  readonly replica: Replica;
  readonly links: PeerLinks;
  readonly counters: PeerLinksCounters;
  /** What was proved gone without a tombstone, by id. */
  readonly collected: string[];
  isReady: boolean;
  /** Whether the program of an own instance is heard: then it is not let go of. */
  isHeard: (id: string) => boolean;
}

interface Wire {
  readonly from: Copy;
  readonly to: Copy;
  /** The key of the link at `to`. */
  readonly key: number;
  readonly message: PeerMessage;
}

export class Copies {
  now: Instant = instant(0);
  /** What becomes of a message on its way. */
  tamper: (from: string, to: string, message: PeerMessage) => PeerMessage = (_, __, message) =>
    message;
  /** Every message sent so far. */
  readonly log: { from: string; to: string; message: PeerMessage }[] = [];
  readonly #copies = new Map<string, Copy>();
  readonly #queue: Wire[] = [];
  /** `from key` → the other end. */
  readonly #ends = new Map<string, { copy: Copy; key: number }>();
  #nextKey = 1;
  #incarnation = 1_000;

  add(id: string, region = "r"): Copy {
    const counters = createCounters();
    const collected: string[] = [];
    const replica = new Replica({
      table: new MapRecordTable(),
      nodeId: id,
      generation: 1,
      tombstoneTtlMs: TOMBSTONE_TTL_MS,
      listener: {
        recordChanged: (slot) => {
          const origin = replica.table.origin(replica.table.originOf(slot));
          if (replica.isOwn(origin)) links.wroteOwn(replica.table.originOf(slot));
        },
        recordCollected: (tombstone) => collected.push(tombstone.id),
        buried: () => {},
        refutes: (slot) => {
          const held = replica.table.read(slot);
          if (!copy.isHeard(held.id)) return false;
          const stamp = { ...held.stamp, incarnation: this.nextIncarnation() };
          replica.write({ ...held, stamp }, this.now);
          return true;
        },
      },
    });
    const links = new PeerLinks({
      replica,
      region,
      counters,
      note: () => {},
      send: (keys, message) => this.#send(copy, keys, message),
    });
    const copy: Copy = {
      id,
      region,
      replica,
      links,
      counters,
      collected,
      isReady: true,
      isHeard: () => false,
    };
    this.#copies.set(id, copy);
    return copy;
  }

  /** Above all that was written before. */
  nextIncarnation(): number {
    this.#incarnation += 1;
    return this.#incarnation;
  }

  /** Opens a link both ways; each end greets with its digest, as nodes do. */
  join(a: Copy, b: Copy): void {
    for (const [self, peer] of [
      [a, b],
      [b, a],
    ] as const) {
      const key = this.#nextKey++;
      this.#ends.set(`${self.id} ${peer.id}`, { copy: self, key });
      const identity = { nodeId: peer.id, generation: 1, region: peer.region, zone: "z" };
      self.links.open(key, identity, self === a, this.now);
    }
    this.greet(a, b, "now");
    this.greet(b, a, "now");
  }

  greet(from: Copy, to: Copy, repair: "none" | "lagging" | "now"): void {
    const link = from.links.toNode(to.id);
    if (link === undefined) throw new Error(`${from.id} has no link to ${to.id}`);
    from.links.sendDigest(link, { hears: [], isReady: from.isReady, repair });
  }

  cut(a: Copy, b: Copy): void {
    for (const [self, peer] of [
      [a, b],
      [b, a],
    ] as const) {
      const link = self.links.toNode(peer.id);
      if (link !== undefined) self.links.close(link.key);
      this.#ends.delete(`${self.id} ${peer.id}`);
    }
  }

  /** Delivers until nothing is under way. */
  settle(): void {
    for (let round = 0; round < 1_000; round += 1) {
      const wire = this.#queue.shift();
      if (wire !== undefined) this.#deliver(wire);
      else {
        for (const copy of this.#copies.values()) copy.links.pump();
        if (this.#queue.length === 0) return;
      }
    }
    throw new Error("messages never end");
  }

  /** Delivers one message: the oldest of one of the ways on which any waits. */
  deliverOne(choice: number): void {
    const firsts = new Map<string, Wire>();
    for (const wire of this.#queue) {
      const way = `${wire.from.id} ${wire.to.id}`;
      if (!firsts.has(way)) firsts.set(way, wire);
    }
    const wire = [...firsts.values()][choice % Math.max(1, firsts.size)];
    if (wire === undefined) return;
    this.#queue.splice(this.#queue.indexOf(wire), 1);
    this.#deliver(wire);
  }

  /** What waits to be delivered is lost. */
  lose(): void {
    this.#queue.length = 0;
  }

  /** One round of digests over every link. */
  round(repair: "none" | "lagging" | "now" = "lagging"): void {
    for (const copy of this.#copies.values()) {
      copy.links.planProbes(this.now);
      for (const link of copy.links.all) {
        copy.links.sendDigest(link, { hears: [], isReady: copy.isReady, repair });
      }
    }
    this.settle();
  }

  /** Ends a turn at a copy: its news go to its mesh, and to `relays` in other regions. */
  push(copy: Copy, relays: readonly Copy[] = []): void {
    copy.links.pushNews(() =>
      relays.flatMap((relay) => {
        const link = copy.links.toNode(relay.id);
        return link === undefined ? [] : [link];
      }),
    );
  }

  deltas(): { from: string; to: string; message: DeltaMessage }[] {
    return this.log.flatMap(({ from, to, message }) =>
      message.type === "delta" ? [{ from, to, message }] : [],
    );
  }

  #send(from: Copy, keys: readonly number[], message: PeerMessage): void {
    for (const key of keys) {
      const peer = from.links.get(key)?.peer.nodeId ?? "";
      const end = this.#ends.get(`${peer} ${from.id}`);
      const sent = this.tamper(from.id, peer, structuredClone(message));
      this.log.push({ from: from.id, to: peer, message: sent });
      if (end !== undefined) {
        this.#queue.push({ from, to: end.copy, key: end.key, message: sent });
      }
    }
  }

  #deliver({ from, to, key, message }: Wire): void {
    const link = to.links.get(key);
    if (link === undefined) return;
    if (message.type === "digest") to.links.receiveDigest(link, message, { isReady: to.isReady });
    else if (message.type === "reset") to.links.receiveReset(link, message, this.now);
    else if (message.type === "delta" && !to.links.receiveDelta(link, message, this.now)) {
      this.greet(to, from, "now");
    }
  }
}

/** Writes an instance as the copy; the same incarnation again is an update. */
export function write(
  copies: Copies,
  copy: Copy,
  id: string,
  change: { incarnation?: number; claim?: number; scope?: Scope; bytes?: number } = {},
): void {
  const { incarnation = 1, claim = 0, scope = Scope.global, bytes = 1 } = change;
  const body = new Uint8Array(bytes).fill(1);
  const stamp = stampOf(incarnation, 1, claim);
  copy.replica.write(recordFor(id, { scope, stamp, body }), copies.now);
}

/** Writes a tombstone over what the copy holds at the id. */
export function remove(copies: Copies, copy: Copy, id: string): void {
  const held = copy.replica.table.read(copy.replica.find(recordFor(id)));
  const claim = copy.replica.isOwn(held.origin) ? held.stamp.claim : held.stamp.claim + 1;
  const stamp = { ...held.stamp, claim };
  const gone = { state: InstanceState.removed, reason: RemovalReason.deregistered };
  copy.replica.write({ ...held, ...gone, stamp, body: new Uint8Array(0) }, copies.now);
}

/** Ids of the live instances of a copy, sorted. */
export function live(copy: Copy): string[] {
  return [...copy.replica.table.slots()]
    .map((slot) => copy.replica.table.read(slot))
    .filter((one) => one.state !== InstanceState.removed && one.kind === RecordKind.instance)
    .map((one) => one.id)
    .sort();
}
