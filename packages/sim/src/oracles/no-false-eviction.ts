/**
 * S4: an instance that is up and can reach a live node is never removed.
 *
 * Claims: no node writes a tombstone that nobody asked for (connection lost, silent, lease
 * expired, orphaned) over an instance whose process has been up and awake for the last
 * {@link REACH_MS}, and could for all of that time, both ways, talk to one same live, awake node
 * from which word could come to the remover, through other nodes if need be. What is a region's own
 * is told to that region's nodes alone: word of it takes no way through others.
 *
 * Judged from: tombstones as their origin writes them; what processes were given and last told of
 * their registrations, and asked for; and the world's knowledge of processes and cables
 * ({@link Reach}).
 *
 * Why {@link REACH_MS}: a client must notice that its node is gone (ttl, 3 s) and try the others
 * one after the other (3 s each where packets vanish) before it finds the one that it can reach.
 *
 * Excuses: a process whose registration is not confirmed, that asked to leave, or that was told
 * that it is superseded. And a remover that is cut off from every node which the process can
 * reach, or from the one that it has a session with: it cannot tell that cut from the process's
 * end, and its part of the world loses the instance. Harsh weather (a heartbeat may be late for
 * its lease) and a process that does not read count as cuts.
 *
 * Cannot see: registrations by REST, which no process keeps; whether a tombstone by a node that
 * speaks for another is over the one or the other of two sessions with one stamp.
 */
import {
  type ClientEvent,
  InstanceState,
  RecordKind,
  type RegistrationStatus,
  type RegistryRecord,
  RemovalReason,
  Scope,
  type SessionMessage,
  type Stamp,
} from "@fpzk/core";
import type { Reach, SeenProcess } from "./reach.js";
import { nameOf, recordText, stampText } from "./record-order.js";
import { isOfLife, type SeenClient, type SeenNode } from "./seen.js";
import type { Court } from "./verdict.js";

/** How long an instance must have been able to reach one live node to have no excuse. */
export const REACH_MS = 15_000;

const UNWISHED: ReadonlySet<RemovalReason> = new Set([
  RemovalReason.connectionLost,
  RemovalReason.silent,
  RemovalReason.leaseExpired,
  RemovalReason.orphaned,
]);

type LivingNode = SeenNode & SeenProcess;

type Program = SeenClient &
  SeenProcess & { readonly machine: { readonly connectedNodeId: string | undefined } };

/** What a process has of one registration. */
interface Registration {
  readonly program: Program;
  /** The stamps that nodes gave it, and which did. */
  readonly given: { readonly stamp: Stamp; readonly nodeId: string }[];
  isRegistered: boolean;
}

export class NoFalseEviction {
  readonly #court: Court;
  readonly #reach: Reach;
  readonly #nodes: ReadonlyMap<string, LivingNode>;
  /** service/id → the registrations of all processes that ever asked for it. */
  readonly #registrations = new Map<string, Map<Program, Registration>>();

  constructor(court: Court, reach: Reach, nodes: ReadonlyMap<string, LivingNode>) {
    this.#court = court;
    this.#reach = reach;
    this.#nodes = nodes;
  }

  asked(program: Program, event: ClientEvent): void {
    if (event.type === "deregister") this.#of(program, event).isRegistered = false;
    if (event.type !== "close") return;
    for (const registrations of this.#registrations.values()) {
      const registration = registrations.get(program);
      if (registration !== undefined) registration.isRegistered = false;
    }
  }

  registration(
    program: Program,
    instance: { readonly service: string; readonly id: string },
    status: RegistrationStatus,
  ): void {
    this.#of(program, instance).isRegistered = status === "registered";
  }

  sessionSent(node: SeenNode, program: Program, message: SessionMessage): void {
    if (message.type !== "registered") return;
    for (const item of message.items) {
      if (item.stamp !== undefined)
        this.#of(program, item).given.push({ stamp: item.stamp, nodeId: node.id });
    }
  }

  stored(node: LivingNode, record: RegistryRecord): void {
    if (record.kind !== RecordKind.instance || record.state !== InstanceState.removed) return;
    if (!isOfLife(node, record) || !UNWISHED.has(record.reason)) return;
    const registration = this.#ownerOf(record);
    if (registration?.isRegistered !== true) return;
    const { program, given } = registration;
    const region = record.scope === Scope.region ? node.region : undefined;
    const { nodeId: reached, since } = this.#reach.steadiestWay(program, node, region);
    if (since > this.#court.now() - REACH_MS || this.#isApart(registration, node, region)) return;
    const stamps = given.map(({ stamp, nodeId }) => `${stampText(stamp)} by ${nodeId}`);
    const text = `${node.id} removed ${recordText(record)} while ${program.id} lives, and word of it could come over ${reached} since ${Math.round(since)} ms; it was given ${stamps.slice(-2).join(", ")}`;
    this.#court.fail("S4", text);
  }

  /**
   * Whether a program is content with a node from which no word comes to the remover; `region`:
   * whose own the instance is, if any's. That one goes with its program to the region of its
   * session, and stays there when the session ends and the next has not begun.
   */
  #isApart(
    { program, given }: Registration,
    remover: LivingNode,
    region: string | undefined,
  ): boolean {
    const home = this.#nodes.get(program.machine.connectedNodeId ?? "");
    const holder = home ?? this.#nodes.get(given.at(-1)?.nodeId ?? "");
    if (region !== undefined && holder !== undefined && holder.region !== region) return true;
    if (home === undefined) return false;
    return this.#reach.pathSince(home, remover, region) > this.#court.now() - REACH_MS;
  }

  /**
   * Whose instance a tombstone is over: that of the session that the writer gave the stamp to, or,
   * when it speaks for another node, of the only session with this stamp.
   */
  #ownerOf(record: RegistryRecord): Registration | undefined {
    const registrations = [...(this.#registrations.get(nameOf(record))?.values() ?? [])];
    const { stamp, origin } = record;
    const isGiven = (nodeId?: string) => (registration: Registration) =>
      registration.given.some(
        (each) =>
          each.stamp.incarnation === stamp.incarnation &&
          each.stamp.session === stamp.session &&
          (nodeId === undefined || each.nodeId === nodeId),
      );
    const own = registrations.filter(isGiven(origin.nodeId));
    if (own.length > 0) return own.at(-1);
    const others = registrations.filter(isGiven());
    return others.length === 1 ? others[0] : undefined;
  }

  #of(program: Program, instance: { readonly service: string; readonly id: string }): Registration {
    const name = nameOf(instance);
    const registrations = this.#registrations.get(name) ?? new Map<Program, Registration>();
    this.#registrations.set(name, registrations);
    const known = registrations.get(program);
    if (known !== undefined) return known;
    const registration: Registration = { program, given: [], isRegistered: false };
    registrations.set(program, registration);
    return registration;
  }
}
