/**
 * The records of nodes: what this one says of itself, what those of others say, and the goodbye of
 * the dead.
 */
import { ErrorCode, type Refusal } from "../errors.js";
import { rendezvous } from "../hash.js";
import type { HybridClock } from "../hlc.js";
import { type NodeDescription, NodeStatus } from "../instance.js";
import type { Membership } from "../membership/membership.js";
import { type Random, randomBelow } from "../random.js";
import {
  compareStamps,
  InstanceState,
  RecordKind,
  type RegistryRecord,
  RemovalReason,
  raiseStamp,
  Scope,
} from "../record.js";
import type { RecordDraft, Replica } from "../replica/replica.js";
import { NO_SLOT } from "../table/record-table.js";
import type { Instant } from "../time.js";
import type { Outbox } from "./outbox.js";
import type { PeerDesk } from "./peer-desk.js";

/** Two lives of a node that go above the same generation seldom meet: an origin has one writer. */
const GENERATION_STEP_MAX = 1_000;

export function generationAbove(generation: number, random: Random): number {
  return generation + 1 + randomBelow(random, GENERATION_STEP_MAX);
}

export interface NodeRecordsOptions {
  readonly nodeId: string;
  readonly region: string;
  readonly description: NodeDescription;
  /** The description as a record's body. */
  readonly encodedDescription: Uint8Array;
  readonly decodeNodeDescription: (body: Uint8Array) => NodeDescription | undefined;
  readonly replica: Replica;
  readonly membership: Membership;
  readonly peers: PeerDesk;
  readonly outbox: Outbox;
  readonly clock: HybridClock;
}

export class NodeRecords {
  readonly #options: NodeRecordsOptions;

  constructor(options: NodeRecordsOptions) {
    this.#options = options;
  }

  /** Says who this node is, in its present generation. */
  announce(now: Instant): void {
    const { nodeId, encodedDescription, description, replica, membership } = this.#options;
    const { generation } = replica;
    replica.write(
      {
        ...draftOf(nodeId),
        stamp: { incarnation: generation, session: 0, claim: 0 },
        state: InstanceState.up,
        reason: RemovalReason.none,
        body: encodedDescription,
      },
      now,
    );
    membership.announced(nodeId, { generation, description, now });
  }

  /** Says goodbye for a node: this one, or one that has long been dead. */
  sayGoodbye(nodeId: string, generation: number, now: Instant): void {
    const { replica, membership } = this.#options;
    membership.departed(nodeId, generation, now);
    const draft = draftOf(nodeId);
    // What is held may have any stamp, whoever wrote it: above the last one there is nothing.
    const slot = replica.find(draft);
    const held = slot === NO_SLOT ? undefined : replica.table.stamp(slot);
    const wanted = { incarnation: generation, session: 0, claim: 1 };
    const isAbove = held === undefined || compareStamps(wanted, held) > 0;
    const stamp = isAbove ? wanted : raiseStamp(held);
    if (stamp === undefined) return;
    replica.write(
      {
        ...draft,
        stamp,
        state: InstanceState.removed,
        reason: RemovalReason.left,
        body: new Uint8Array(0),
      },
      now,
    );
  }

  /**
   * Writes the goodbye of nodes that have been dead for a day: one of the living does. Should the
   * node live after all, it begins a higher generation when it hears of it.
   */
  buryDead(leftTtlMs: number, now: Instant): void {
    const { membership, outbox } = this.#options;
    for (const { nodeId, generation } of membership.forget(now, { leftTtlMs })) {
      if (rendezvous(nodeId, this.#living()) !== this.#options.nodeId) continue;
      outbox.note("warn", "node.buried", { nodeId });
      this.sayGoodbye(nodeId, generation, now);
    }
  }

  /**
   * Takes an operator's word that a node is gone for good: nothing waits for it any longer. Should
   * it live after all, where this one does not hear it, it begins a higher generation when it hears
   * of this, as after {@link buryDead}.
   *
   * @returns Why not; undefined when it is done, or was before.
   */
  forget(nodeId: string, now: Instant): Refusal | undefined {
    const { membership, peers, outbox } = this.#options;
    const member = membership.get(nodeId);
    const what = `cannot forget node ${nodeId}`;
    if (member === undefined) {
      return { code: ErrorCode.notFound, message: `${what}: no node of that name is known` };
    }
    const { status, generation } = member;
    if (status === NodeStatus.left) return undefined;
    if (status === NodeStatus.alive || status === NodeStatus.suspect) {
      const message = `${what}: it is ${status}, and must be dead or unreachable; end it, or wait until it is`;
      return { code: ErrorCode.failedPrecondition, message };
    }
    outbox.note("warn", "node.forgotten", { nodeId, status });
    this.sayGoodbye(nodeId, generation, now);
    peers.noteMembersChanged();
    return undefined;
  }

  /** Another node's record arrived. */
  changed(record: RegistryRecord, now: Instant): void {
    const { membership, peers, replica } = this.#options;
    peers.noteMembersChanged();
    const generation = record.stamp.incarnation;
    if (record.id === this.#options.nodeId) return;
    if (record.state === InstanceState.removed) {
      // Only the node itself can say that it left while it is heard; others bury the dead.
      const isHeard = membership.get(record.id)?.status === NodeStatus.alive;
      if (record.origin.nodeId !== record.id && isHeard) return;
      membership.departed(record.id, generation, now);
      return;
    }
    const description = this.#options.decodeNodeDescription(record.body);
    if (description === undefined) return this.#unread(record, now);
    replica.quarantine.noteReadNode(record.id);
    membership.announced(record.id, { generation, description, now });
  }

  /** A canary of another node arrived: it lives; one node of each region says so back. */
  canaryArrived(record: RegistryRecord, now: Instant): void {
    const { membership, peers, region, nodeId, clock } = this.#options;
    clock.observe(record.since);
    membership.wrote(record.id, now);
    const others = this.#living(region).filter((other) => other !== record.id);
    if (rendezvous(record.id, others) !== nodeId) return;
    const counter = record.stamp.session;
    peers.route(record.id, { kind: "canary-echo", counter, region });
  }

  /** What a node says of itself cannot be read: what was known of it stays, in its new life too. */
  #unread(record: RegistryRecord, now: Instant): void {
    const { replica, membership } = this.#options;
    const index = replica.table.originIndex(record.origin);
    const arrival = { giver: record.origin.nodeId, now };
    replica.quarantine.noteUnreadNode(index, record.origin, arrival);
    const known = membership.get(record.id);
    if (known === undefined) return;
    const generation = record.stamp.incarnation;
    membership.announced(record.id, { generation, description: known.description, now });
  }

  /** Ids of the living nodes, of one region or of all. */
  #living(region?: string): string[] {
    return this.#options.membership.all
      .filter((member) => member.status === NodeStatus.alive)
      .filter((member) => region === undefined || member.description.region === region)
      .map((member) => member.nodeId);
  }
}

function draftOf(id: string): Omit<RecordDraft, "stamp" | "state" | "reason" | "body"> {
  return {
    kind: RecordKind.node,
    scope: Scope.global,
    namespace: "",
    service: "",
    id,
    isSuspect: false,
    since: 0,
  };
}
