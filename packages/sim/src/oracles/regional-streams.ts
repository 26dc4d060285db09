/**
 * R12 and R10: a region's own records stay in it, and only who is ready gives resets.
 *
 * Claims: no node stores a record of scope `region` whose origin is a node of another region, and
 * no link between two regions carries one. A node that is still filling sends no reset: its
 * lacking a record proves nothing.
 *
 * Judged from: what nodes store, send and say.
 *
 * Excuses: a node that leaves is not ready, and knows all the same. A node that nobody has seen start has no region, and is not judged.
 *
 * Cannot see: what a client shows of another region's own records; that is P7's part.
 */
import { type PeerMessage, type RegistryRecord, Scope } from "@fpzk/core";
import { recordText } from "./record-order.js";
import type { SeenNode } from "./seen.js";
import type { Court } from "./verdict.js";

type FillingNode = SeenNode & {
  readonly node: { readonly isReady: boolean; readonly readyReason: string };
};

export class RegionalStreams {
  readonly #court: Court;
  readonly #regions = new Map<string, string>();

  constructor(court: Court) {
    this.#court = court;
  }

  nodeStarted(node: SeenNode): void {
    this.#regions.set(node.id, node.region);
  }

  stored(node: SeenNode, record: RegistryRecord): void {
    if (record.scope !== Scope.region) return;
    const home = this.#regions.get(record.origin.nodeId);
    if (home === undefined || home === node.region) return;
    this.#court.fail("R12", `${node.id} holds ${recordText(record)}, which is ${home}'s own`);
  }

  peerSent(from: FillingNode, to: SeenNode, message: PeerMessage): void {
    const { isReady, readyReason } = from.node;
    const isFilling = !isReady && readyReason.startsWith("warming");
    if (message.type === "reset" && isFilling) {
      this.#court.fail("R10", `${from.id}, which is not ready, sends ${to.id} a reset`);
    }
    if (from.region === to.region || !("groups" in message)) return;
    for (const { origin } of message.groups) {
      if (origin.scope !== Scope.region) continue;
      const text = `${from.id} sends ${to.id} a ${message.type} of ${origin.nodeId}'s own region`;
      this.#court.fail("R12", text);
    }
  }
}
