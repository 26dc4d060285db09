/**
 * Q: from a change to a subscriber's callback it takes the way over the wires, and 10 ms.
 *
 * Claims: while nothing is broken, a record that an origin writes at t is in every current view at
 * t plus the delays of the shortest way (writer, relay where the region is another, the
 * subscriber's node, subscriber) plus {@link BUDGET_MS}, 99 times of 100.
 *
 * Judged from: when origins write and when views change, in phases that the history calls calm.
 *
 * Excuses: a view that was not current when the record was written gets it with its answer. In
 * histories whose queues hold less than an answer to a watch, readers are congested and told later.
 *
 * Cannot see: what real sockets and event loops add; benchmarks measure that.
 */
import type { RegistryRecord } from "@fpzk/core";
import { recordText } from "./record-order.js";
import type { SeenNode, SeenViewHolder, ViewChanged } from "./seen.js";
import type { Court } from "./verdict.js";
import type { WrittenRecords } from "./written-records.js";

/** What may come on top of the wires. */
export const BUDGET_MS = 10;
/** The share of changes that must keep to it. */
const SHARE = 0.99;

export type Subscriber = SeenViewHolder & {
  readonly machine: SeenViewHolder["machine"] & { readonly connectedNodeId: string | undefined };
  readonly viewStates: ReadonlyMap<string, { readonly isCurrent: boolean }>;
};

export interface DelayWorld {
  readonly nodes: ReadonlyMap<string, SeenNode>;
  readonly network: { delayMs(from: string, to: string): number };
}

export class Latency {
  readonly #court: Court;
  readonly #written: WrittenRecords;
  readonly #world: DelayWorld;
  /** Since when nothing is broken; Infinity while something is. */
  #calmSince = Number.POSITIVE_INFINITY;
  /** Per subscriber and service: since when its view is current. */
  readonly #currentSince = new WeakMap<object, Map<string, number>>();
  /** What changes took on top of the wires, in ms. */
  readonly extrasMs: number[] = [];
  #slowest = { extraMs: 0, text: "" };

  constructor(court: Court, written: WrittenRecords, world: DelayWorld) {
    this.#court = court;
    this.#written = written;
    this.#world = world;
  }

  /** From here on nothing is broken. */
  calm(): void {
    this.#calmSince = this.#court.now();
  }

  /** The calm is over: says so when too many were late. */
  storm(): void {
    this.#calmSince = Number.POSITIVE_INFINITY;
    const sorted = this.extrasMs.toSorted((a, b) => a - b);
    const extraMs = sorted[Math.ceil(sorted.length * SHARE) - 1] ?? 0;
    if (extraMs <= BUDGET_MS) return;
    const text = `of ${sorted.length} changes 1 % took ${extraMs.toFixed(1)} ms and more beyond the wires; ${this.#slowest.text}`;
    this.#court.fail("Q", text);
  }

  viewState(client: Subscriber, service: string, { isCurrent }: { isCurrent: boolean }): void {
    const since = this.#currentSince.get(client) ?? new Map<string, number>();
    this.#currentSince.set(client, since);
    if (!isCurrent) since.delete(service);
    else if (!since.has(service)) since.set(service, this.#court.now());
  }

  viewChanged(client: Subscriber, { service, changes }: ViewChanged): void {
    const now = this.#court.now();
    if (this.#calmSince > now) return;
    const view = client.machine.view(service);
    const nodeId = client.machine.connectedNodeId;
    if (view === undefined || nodeId === undefined) return;
    const currentSince = this.#currentSince.get(client)?.get(service) ?? now;
    for (const { instance } of changes) {
      for (const record of view.recordsOf(instance.id)) {
        const at = this.#written.original(record)?.at ?? Number.NEGATIVE_INFINITY;
        if (at < this.#calmSince || at <= currentSince) continue;
        this.#measure(client, record, { nodeId, at });
      }
    }
  }

  #measure(
    client: Subscriber,
    record: RegistryRecord,
    { nodeId, at }: { readonly nodeId: string; readonly at: number },
  ): void {
    const { network, nodes } = this.#world;
    const writer = nodes.get(record.origin.nodeId);
    const reader = nodes.get(nodeId);
    if (writer === undefined || reader === undefined) return;
    // What does not go out with the turn's changes comes over a relay of the reader's region.
    let wiresMs = network.delayMs(nodeId, client.id);
    if (writer !== reader) wiresMs += network.delayMs(writer.id, reader.id);
    if (writer.region !== reader.region) wiresMs += this.#relayDelayMs(reader);
    const extraMs = this.#court.now() - at - wiresMs;
    this.extrasMs.push(extraMs);
    if (extraMs < this.#slowest.extraMs) return;
    const text = `the slowest: ${recordText(record)}, written at ${at.toFixed(1)} ms, reached ${client.id} at ${nodeId} after ${(wiresMs + extraMs).toFixed(1)} ms`;
    this.#slowest = { extraMs, text };
  }

  /** From a relay to its neighbour: the region's own delay. */
  #relayDelayMs(reader: SeenNode): number {
    for (const node of this.#world.nodes.values()) {
      if (node !== reader && node.region === reader.region) {
        return this.#world.network.delayMs(node.id, reader.id);
      }
    }
    return 0;
  }
}
