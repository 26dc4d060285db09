/**
 * S5: a superseded owner or incarnation never wins.
 *
 * Claims: in a node's table the stamp of a key never falls. A program that was told `superseded`
 * for an id registers it no more, unless it is asked to again. And two processes never duel: who
 * lost an id to a later process, seen by the node that it asks, is not given it back while the
 * later one lives.
 *
 * Judged from: what nodes store; what programs ask, are told, and send; and what nodes answer to
 * registrations.
 *
 * Excuses: a node that does not hold the later process's record when it takes the earlier's cannot
 * know better, and one that holds it as a tombstone, suspect, or of a node that has ended, gives
 * the id to who asks. Which of two processes that began apart is the later one, the clocks may say
 * wrongly ({@link Beginnings}); that exactly one is left in the end is judged after the faults are over.
 */
import {
  type ClientEvent,
  InstanceState,
  RecordKind,
  type RegistrationStatus,
  type RegistryRecord,
  type SessionMessage,
  type SessionRequest,
  type Stamp,
} from "@fpzk/core";
import type { Beginnings } from "./beginnings.js";
import type { Reach, SeenProcess } from "./reach.js";
import { keyOf, nameOf, orderOfStamps, recordText, stampText } from "./record-order.js";
import { isOfLife, type SeenClient, type SeenNode } from "./seen.js";
import type { Court } from "./verdict.js";

/** A node that could hear an owner for so long has no reason to take it for gone. */
const KNOWN_ALIVE_MS = 15_000;

/** A record that another incarnation replaced in a node's table. */
interface Taken {
  readonly record: RegistryRecord;
  readonly by: Stamp;
}

type LivingNode = SeenNode & SeenProcess;

export class Fencing {
  readonly #court: Court;
  readonly #reach: Reach;
  readonly #beginnings: Beginnings;
  /** Per life of a node: key → what it stored last. */
  readonly #tables = new WeakMap<SeenNode, Map<string, RegistryRecord>>();
  readonly #living = new Set<SeenClient>();
  readonly #nodes = new Map<string, LivingNode>();
  /** service/id → the last stamp that each process was given. */
  readonly #claims = new Map<string, Map<SeenClient, Stamp>>();
  /** Per life of a node: service/id → what another incarnation replaced there last. */
  readonly #taken = new WeakMap<SeenNode, Map<string, Taken>>();
  /** Per client: names that it was told it had lost. */
  readonly #lost = new WeakMap<SeenClient, Set<string>>();

  constructor(court: Court, reach: Reach, beginnings: Beginnings) {
    this.#court = court;
    this.#reach = reach;
    this.#beginnings = beginnings;
  }

  nodeStarted(node: LivingNode): void {
    this.#nodes.set(node.id, node);
  }

  nodeEnded(node: LivingNode): void {
    if (this.#nodes.get(node.id) === node) this.#nodes.delete(node.id);
  }

  clientStarted(client: SeenClient): void {
    this.#living.add(client);
  }

  clientEnded(client: SeenClient): void {
    this.#living.delete(client);
  }

  stored(node: SeenNode, record: RegistryRecord): void {
    if (record.kind === RecordKind.canary) return;
    const table = this.#tables.get(node) ?? new Map<string, RegistryRecord>();
    this.#tables.set(node, table);
    const key = keyOf(record);
    const last = table.get(key);
    table.set(key, record);
    if (last === undefined) return;
    if (last.stamp.incarnation !== record.stamp.incarnation) this.#take(node, last, record.stamp);
    if (orderOfStamps(record.stamp, last.stamp) >= 0) return;
    const text = `${node.id} went from ${recordText(last)} back to ${recordText(record)}`;
    this.#court.fail("S5", text);
  }

  asked(client: SeenClient, event: ClientEvent): void {
    if (event.type === "register") this.#lost.get(client)?.delete(nameOf(event));
  }

  registration(
    client: SeenClient,
    instance: { readonly service: string; readonly id: string },
    status: RegistrationStatus,
  ): void {
    if (status !== "superseded") return;
    const lost = this.#lost.get(client) ?? new Set<string>();
    this.#lost.set(client, lost);
    lost.add(nameOf(instance));
  }

  requestSent(client: SeenClient, node: SeenNode, message: SessionRequest): void {
    if (message.type !== "register") return;
    const lost = this.#lost.get(client);
    if (lost === undefined) return;
    for (const item of message.items) {
      if (!lost.has(nameOf(item))) continue;
      const text = `${client.id} registers ${nameOf(item)} at ${node.id} though it was superseded`;
      this.#court.fail("S5", text);
    }
  }

  sessionSent(node: LivingNode, client: SeenClient, message: SessionMessage): void {
    if (message.type !== "registered") return;
    for (const item of message.items) {
      if (item.stamp === undefined) continue;
      const claims = this.#claims.get(nameOf(item)) ?? new Map<SeenClient, Stamp>();
      this.#claims.set(nameOf(item), claims);
      claims.set(client, item.stamp);
      this.#checkDuel(node, client, { ...item, stamp: item.stamp }, claims);
    }
  }

  #take(node: SeenNode, record: RegistryRecord, by: Stamp): void {
    if (record.kind !== RecordKind.instance) return;
    const taken = this.#taken.get(node) ?? new Map<string, Taken>();
    this.#taken.set(node, taken);
    taken.set(nameOf(record), { record, by });
  }

  /** Whether a registration took the id from a later process that the node knew to be well. */
  #checkDuel(
    node: LivingNode,
    client: SeenClient,
    item: { readonly service: string; readonly id: string; readonly stamp: Stamp },
    claims: ReadonlyMap<SeenClient, Stamp>,
  ): void {
    const taken = this.#taken.get(node)?.get(nameOf(item));
    if (taken === undefined || orderOfStamps(taken.by, item.stamp) !== 0) return;
    const { record } = taken;
    if (record.state === InstanceState.removed || record.isSuspect) return;
    for (const [other, stamp] of claims) {
      const isLater = this.#beginnings.orderOf(other) > this.#beginnings.orderOf(client);
      if (!isLater || !this.#living.has(other) || !isSameSession(stamp, record.stamp)) continue;
      if (this.#beginnings.excuseOf(other, client) !== undefined) continue;
      const owner = this.#nodes.get(record.origin.nodeId);
      if (owner === undefined || !isOfLife(owner, record)) continue;
      if (this.#reach.pathSince(node, owner) > this.#court.now() - KNOWN_ALIVE_MS) continue;
      const text = `${node.id} gave ${nameOf(item)} ${stampText(item.stamp)} to ${client.id}, though ${other.id}, a later process, held it: ${recordText(record)}`;
      this.#court.fail("S5", text);
    }
  }
}

function isSameSession(a: Stamp, b: Stamp): boolean {
  return a.incarnation === b.incarnation && a.session === b.session;
}
