/**
 * P10: bounds are never exceeded.
 *
 * Claims, at every message: no frame is larger than its bound in `limits.ts`, and no list in it
 * longer. Claims, each simulated second: what a node, a client and their views hold is no more
 * than what ever existed to be held (a copy for each key that was written, an origin for each life
 * of a node, a session for each client), and never more than its bound; and nobody sends more
 * messages in a second than a world of this size can call for, so that a loop shows.
 *
 * Judged from: messages as they are sent and the sizes that nodes and views tell. The bounds of
 * `limits.ts` are far above what a small world reaches; what existed is the bound that bites.
 *
 * Excuses: none.
 *
 * Cannot see: what no process tells the size of; bytes that wait in sockets, which the world has
 * none of.
 */
import {
  BODY_MAX_BYTES,
  DELTA_MAX_BYTES,
  NODE_COUNT_MAX,
  ORIGIN_COUNT_MAX,
  PEER_FRAME_MAX_BYTES,
  type PeerMessage,
  REGISTER_BATCH_COUNT_MAX,
  type RegistryNode,
  type RegistryRecord,
  SESSION_FRAME_MAX_BYTES,
  type SessionMessage,
  type SessionRequest,
  VIEW_TOMBSTONE_COUNT_MAX,
} from "@fpzk/core";
import { keyOf } from "./record-order.js";
import type { SeenClient, SeenNode } from "./seen.js";
import type { Court } from "./verdict.js";

/** Messages of one sender in one second: a hundred for every process there is. */
const MESSAGE_COUNT_PER_PROCESS = 100;

type SizedNode = SeenNode & { readonly node: RegistryNode };

export interface SizedWorld {
  readonly nodes: ReadonlyMap<string, SizedNode>;
  readonly clients: ReadonlyMap<string, SeenClient>;
}

export class Bounds {
  readonly #court: Court;
  readonly #world: SizedWorld;
  readonly #keys = new Set<string>();
  readonly #nodeIds = new Set<string>();
  readonly #clientIds = new Set<string>();
  readonly #lives = new Set<string>();
  readonly #sentCounts = new Map<string, number>();
  #leaseCount = 0;

  constructor(court: Court, world: SizedWorld) {
    this.#court = court;
    this.#world = world;
  }

  clientStarted(client: SeenClient): void {
    this.#clientIds.add(client.id);
  }

  /** A registration by REST was asked for: it may hold a lease. */
  leaseAsked(): void {
    this.#leaseCount += 1;
  }

  stored(_node: SeenNode, record: RegistryRecord): void {
    this.#keys.add(keyOf(record));
    this.#nodeIds.add(record.origin.nodeId);
    const { nodeId, generation, scope } = record.origin;
    this.#lives.add(`${nodeId}/${generation}/${scope}`);
  }

  peerSent(from: SeenNode, _to: SeenNode, message: PeerMessage, byteCount: number): void {
    this.#count(from);
    this.#atMost(byteCount, PEER_FRAME_MAX_BYTES, () => `bytes of a ${message.type} of ${from.id}`);
    if (message.type === "digest") {
      const what = () => `origins in a digest of ${from.id}`;
      this.#atMost(message.entries.length, ORIGIN_COUNT_MAX, what);
      this.#atMost(message.hears.length, NODE_COUNT_MAX, () => `nodes heard by ${from.id}`);
    }
  }

  sessionSent(
    node: SeenNode,
    client: SeenClient,
    message: SessionMessage,
    byteCount: number,
  ): void {
    this.#count(node);
    const bound =
      message.type === "snapshot" ? DELTA_MAX_BYTES + 2 * BODY_MAX_BYTES : SESSION_FRAME_MAX_BYTES;
    this.#atMost(byteCount, bound, () => `bytes of a ${message.type} to ${client.id}`);
  }

  requestSent(
    client: SeenClient,
    _node: SeenNode,
    message: SessionRequest,
    byteCount: number,
  ): void {
    this.#count(client);
    const what = () => `bytes of a ${message.type} of ${client.id}`;
    this.#atMost(byteCount, SESSION_FRAME_MAX_BYTES, what);
    if (message.type !== "register") return;
    const items = () => `instances in a register of ${client.id}`;
    this.#atMost(message.items.length, REGISTER_BATCH_COUNT_MAX, items);
  }

  /** Looks at sizes and at what was sent since the last look; to be called once in a second. */
  look(): void {
    const processCount = this.#world.nodes.size + this.#world.clients.size;
    for (const [id, count] of this.#sentCounts) {
      const bound = MESSAGE_COUNT_PER_PROCESS * processCount;
      this.#atMost(count, bound, () => `messages of ${id} in a second`);
    }
    this.#sentCounts.clear();
    for (const { id, node } of this.#world.nodes.values()) this.#lookAtNode(id, node);
  }

  #lookAtNode(id: string, node: RegistryNode): void {
    const { table } = node;
    const recordCount = table.liveCount + table.tombstoneCount;
    this.#atMost(recordCount, this.#keys.size, () => `records of ${id}`);
    this.#atMost(table.originCount, 2 * this.#lives.size, () => `origins of ${id}`);
    this.#atMost(node.sessionCount, this.#clientIds.size, () => `sessions of ${id}`);
    // A lease for each session, each registration by REST, and each origin that was adopted.
    const leaseCount = node.sessionCount + this.#clientIds.size + this.#leaseCount;
    this.#atMost(node.leaseCount, leaseCount + this.#lives.size, () => `leases of ${id}`);
    this.#atMost(node.linkCount, 2 * this.#lives.size, () => `links of ${id}`);
  }

  /** Sizes of a view, when it has changed. */
  viewChanged(client: ViewSizes, { service }: { readonly service: string }): void {
    const view = client.machine.view(service);
    if (view === undefined) return;
    const what = () => `tombstones in the view of ${service} of ${client.id}`;
    this.#atMost(view.tombstoneCount, Math.min(VIEW_TOMBSTONE_COUNT_MAX, this.#keys.size), what);
  }

  #count({ id }: { readonly id: string }): void {
    this.#sentCounts.set(id, (this.#sentCounts.get(id) ?? 0) + 1);
  }

  #atMost(value: number, bound: number, what: () => string): void {
    if (value > bound) this.#court.fail("P10", `${what()}: ${value}, and the bound is ${bound}`);
  }
}

interface ViewSizes extends SeenClient {
  readonly machine: { view(service: string): { readonly tombstoneCount: number } | undefined };
}
