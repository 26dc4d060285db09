/**
 * Requests that came without a session: carried out here, or by the instance's owner.
 *
 * A lease belongs to the node that wrote it. What reaches another node is routed to the owner
 * while it lives; once it is gone, the node that was asked takes the record over, so that any
 * reachable node serves every request (P1).
 */

import type { DrainTable } from "../drain/drain-table.js";
import { ErrorCode, type Refusal } from "../errors.js";
import type { HybridClock } from "../hlc.js";
import { NodeStatus } from "../instance.js";
import { LeasePhase } from "../lease/lease-rules.js";
import type { LeaseTable } from "../lease/lease-table.js";
import { ttlOfRemark } from "../lease/ttl-remark.js";
import { RISE_PER_SECOND_MAX, ROUTE_PENDING_COUNT_MAX } from "../limits.js";
import type { Member, Membership } from "../membership/membership.js";
import type { RoutedCommand, RoutePayload } from "../messages.js";
import {
  compareStamps,
  InstanceState,
  type RecordKey,
  RecordKind,
  RemovalReason,
  Scope,
  type Stamp,
} from "../record.js";
import type { Replica } from "../replica/replica.js";
import type { Suspicion } from "../suspicion.js";
import { NO_SLOT, type Slot } from "../table/record-table.js";
import { after, type Instant, instant, NEVER } from "../time.js";
import { type Accusation, AccusationDesk } from "./accusation-desk.js";
import type { Adoption } from "./adoption.js";
import type { Command, CommandResult } from "./events.js";
import type { InstanceWriter } from "./instance-writer.js";
import { stampOfWord } from "./last-writer.js";
import type { NodeCounters } from "./node-counters.js";
import type { Outbox } from "./outbox.js";
import { writeRouteSet } from "./route-set-writer.js";

/** How long an owner may take to answer, beside what the request itself may take. */
const ROUTE_TIMEOUT_MS = 5_000;

type OverrideCommand = Extract<Command, { kind: "override" }>;
type Reply = (result: CommandResult) => void;

export interface CommandDeskOptions {
  readonly replica: Replica;
  readonly writer: InstanceWriter;
  readonly leases: LeaseTable;
  readonly drains: DrainTable;
  readonly clock: HybridClock;
  /** Ttl of what is taken over from an owner that is gone, and was no lease of its own there. */
  readonly takeoverTtlMs: number;
  /** The owner's node id when it lives and is another node; undefined when this node must act. */
  readonly livingOwner: (slot: Slot) => string | undefined;
  /** Whose word it is, once an owner is gone. */
  readonly adoption: Adoption;
  readonly membership: Pick<Membership, "all">;
  readonly counters: NodeCounters;
  readonly outbox: Outbox;
  /** Takes an operator's word that a node is gone, or says why not. */
  readonly forgetNode: (nodeId: string, now: Instant) => Refusal | undefined;
  readonly route: (to: string, payload: RoutePayload) => boolean;
  /** Writes a record of this node's own anew, above, and tells its session. */
  readonly refutes: (slot: Slot) => boolean;
}

export class CommandDesk {
  readonly #options: CommandDeskOptions;
  readonly #pending = new Map<number, { reply: Reply; deadline: Instant }>();
  readonly #accusations: AccusationDesk;
  #nextId = 1;
  #riseCount = 0;
  #risesSince = instant(0);

  constructor(options: CommandDeskOptions) {
    this.#options = options;
    this.#accusations = new AccusationDesk(options);
  }

  run(command: Command, reply: Reply, now: Instant): void {
    switch (command.kind) {
      case "register": {
        const result = this.#options.writer.registerLease(command, command.ttlMs, now);
        if ("code" in result) return reply(refusal(result));
        this.#accusations.renewed(result.slot, now);
        return reply({ ...DONE, stamp: result.stamp });
      }
      case "override":
        return this.#override(command, reply, now);
      case "route-set": {
        const written = writeRouteSet(command, this.#options, now);
        if ("code" in written) return reply(refusal(written));
        return reply({ ...DONE, stamp: written.stamp });
      }
      case "forget-node":
        return reply({ ...DONE, refusal: this.#options.forgetNode(command.nodeId, now) });
      case "renew":
      case "deregister":
      case "set-state":
      case "update":
      case "rise":
        return this.#owned(command, reply, now);
      case "accuse":
        this.#accuse(command, now);
        return reply(DONE);
    }
  }

  /** Another node asks for something on a record of this one. */
  routed(from: string, commandId: number, command: RoutedCommand, now: Instant): void {
    if (command.kind === "accuse") return this.#accuse(command, now, "here");
    const reply: Reply = (result) => {
      this.#options.route(from, {
        kind: "command-result",
        commandId,
        code: result.refusal?.code,
        message: result.refusal?.message ?? "",
        stamp: result.stamp,
        confirmedCount: result.confirmedCount,
        unconfirmed: result.unconfirmed,
      });
    };
    const slot = this.#liveSlot(command);
    if (slot === undefined) return reply(refusal(unknownInstance(command)));
    this.#act(command, slot, reply, now);
  }

  routedResult(payload: Extract<RoutePayload, { kind: "command-result" }>): void {
    const pending = this.#pending.get(payload.commandId);
    if (pending === undefined) return;
    this.#pending.delete(payload.commandId);
    const { code, message, stamp, confirmedCount, unconfirmed } = payload;
    const failed = code === undefined ? undefined : { code, message };
    pending.reply({ refusal: failed, stamp, confirmedCount, unconfirmed });
  }

  /** Gives up on owners that did not answer in time. */
  expire(now: Instant): void {
    for (const [id, pending] of this.#pending) {
      if (now < pending.deadline) continue;
      this.#pending.delete(id);
      pending.reply(
        refusal({
          code: ErrorCode.deadlineExceeded,
          message: "the instance's owner node did not answer in time: try again",
        }),
      );
    }
  }

  next(): Instant {
    let next = NEVER;
    for (const pending of this.#pending.values()) {
      if (pending.deadline < next) next = pending.deadline;
    }
    return next;
  }

  #owned(command: Exclude<RoutedCommand, Accusation>, reply: Reply, now: Instant): void {
    const slot = this.#liveSlot(command);
    if (slot === undefined) return reply(refusal(unknownInstance(command)));
    const owner = this.#options.livingOwner(slot);
    if (owner === undefined) return this.#act(command, slot, reply, now);
    if (this.#pending.size >= ROUTE_PENDING_COUNT_MAX) {
      return reply(
        refusal({
          code: ErrorCode.resourceExhausted,
          message: `more than ${ROUTE_PENDING_COUNT_MAX} requests wait for other nodes: try again`,
        }),
      );
    }
    const commandId = this.#nextId++;
    const timeoutMs = command.kind === "set-state" ? command.timeoutMs : 0;
    this.#pending.set(commandId, { reply, deadline: after(now, ROUTE_TIMEOUT_MS + timeoutMs) });
    if (this.#options.route(owner, { kind: "command", commandId, command })) return;
    this.#pending.delete(commandId);
    reply(
      refusal({
        code: ErrorCode.unavailable,
        message: `owner node ${owner} of ${command.service}/${command.id} cannot be reached from here now: try again`,
      }),
    );
  }

  /** Acts on a live record that this node owns, or whose owner is gone. */
  #act(command: Exclude<RoutedCommand, Accusation>, slot: Slot, reply: Reply, now: Instant): void {
    const { writer, replica } = this.#options;
    switch (command.kind) {
      case "renew":
        return this.#renew(slot, reply, now);
      case "deregister": {
        const stamp = replica.table.stamp(slot);
        writer.remove(slot, command.reason, now);
        return reply({ ...DONE, stamp });
      }
      case "set-state": {
        const stamp = writer.rewrite(slot, { state: command.state }, now);
        this.#keep(slot, now);
        if (command.state !== InstanceState.draining) return reply({ ...DONE, stamp });
        return this.#drain(slot, { stamp, timeoutMs: command.timeoutMs }, reply, now);
      }
      case "update":
        return this.#update(command, slot, reply, now);
      case "rise":
        this.#rise(slot, command.stamp, now);
        return reply({ ...DONE, stamp: replica.table.stamp(slot) });
    }
  }

  /**
   * Passes an accusation on to the node that may write the instance, which answers nothing. Nodes
   * of earlier versions end a link on which they read one, so it waits until there are none.
   */
  suspicionOf(slot: Slot): Suspicion | undefined {
    return this.#accusations.suspicionOf(slot);
  }

  #accuse(command: Accusation, now: Instant, where: "here" | "anywhere" = "anywhere"): void {
    const { adoption, replica, counters, membership, route } = this.#options;
    const slot = this.#liveSlot(command);
    if (slot === undefined) {
      counters.accusationsMoot += 1;
      return;
    }
    const speaker = adoption.speakerOf(replica.table.origin(replica.table.originOf(slot)));
    const isHere = where === "here" || speaker === replica.nodeId;
    if (isHere) return this.#accusations.take(slot, command, now);
    const isSent =
      speaker !== undefined &&
      membership.all.every(knowsAccusationsOrIsGone) &&
      route(speaker, { kind: "command", commandId: 0, command });
    if (!isSent) counters.accusationsUnroutable += 1;
  }

  /** Somebody has seen a higher stamp, which no node holds: what is heard goes above it. */
  #rise(slot: Slot, above: Stamp, now: Instant): void {
    const { replica, leases, clock, refutes } = this.#options;
    const isHeard = leases.get(replica.table.tag(slot))?.phase === LeasePhase.active;
    if (!isHeard || compareStamps(above, replica.table.stamp(slot)) < 0) return;
    if (now >= after(this.#risesSince, 1_000)) {
      this.#risesSince = now;
      this.#riseCount = 0;
    }
    this.#riseCount += 1;
    clock.observe(above.incarnation);
    // A stamp that lies days ahead is not followed by the clock, nor by this.
    const isFollowed = clock.next() > above.incarnation;
    if (isFollowed && this.#riseCount <= RISE_PER_SECOND_MAX) refutes(slot);
  }

  #update(
    command: Extract<RoutedCommand, { kind: "update" }>,
    slot: Slot,
    reply: Reply,
    now: Instant,
  ): void {
    const { writer, leases, replica } = this.#options;
    if (leases.get(replica.table.tag(slot))?.session !== undefined) {
      const message = `instance ${command.service}/${command.id} is kept by a session: its own program changes it`;
      return reply(refusal({ code: ErrorCode.failedPrecondition, message }));
    }
    // Not a renewal: what is suspect stays so.
    const stamp = writer.rewrite(slot, { body: command.body }, now);
    this.#keep(slot, now);
    reply({ ...DONE, stamp });
  }

  /**
   * Drains what a program left behind, or, `isOver`, removes it, if that is for this node to do. Its
   * program is not heard here any more. `stamp` is what it drains with now, elsewhere: above all
   * that it wrote here, also what the nodes here have lost and a view has not (P4).
   */
  endLeft(slot: Slot, { stamp, isOver }: { stamp: Stamp; isOver: boolean }, now: Instant): void {
    const { writer, replica, adoption } = this.#options;
    if (!adoption.speaksFor(replica.table.origin(replica.table.originOf(slot)))) return;
    if (isOver) return writer.remove(slot, RemovalReason.drained, now);
    writer.rewrite(slot, { state: InstanceState.draining, isSuspect: true, stamp }, now);
    this.#keep(slot, now);
  }

  /** A record taken over from an owner that is gone hangs on a lease, else it would never end. */
  #keep(slot: Slot, now: Instant): void {
    const { writer, leases, replica, takeoverTtlMs } = this.#options;
    if (leases.get(replica.table.tag(slot)) !== undefined) return;
    const ttlMs = ttlOfRemark(replica.table.read(slot).reason);
    const lease =
      ttlMs === undefined
        ? ({ ttlMs: takeoverTtlMs, session: undefined, phase: "adopted" } as const)
        : { ttlMs, session: undefined };
    writer.attach(slot, leases.open(lease, now));
  }

  #renew(slot: Slot, reply: Reply, now: Instant): void {
    const { writer, leases, replica, takeoverTtlMs } = this.#options;
    const table = replica.table;
    const lease = leases.get(table.tag(slot));
    if (lease !== undefined && lease.session === undefined && lease.phase !== "adopted") {
      const lapse = leases.apply(lease, "heard", now);
      if (lapse !== undefined) writer.carryOut(lapse, now);
      this.#accusations.renewed(slot, now);
      return reply({ ...DONE, stamp: table.stamp(slot) });
    }
    if (lease?.session !== undefined) {
      return reply(
        refusal({
          code: ErrorCode.failedPrecondition,
          message: "this instance is kept by a session: it needs no renewal",
        }),
      );
    }
    const stamp = writer.rewrite(
      slot,
      { session: table.stamp(slot).session + 1, isSuspect: false },
      now,
    );
    const ttlMs = ttlOfRemark(table.read(slot).reason) ?? takeoverTtlMs;
    writer.attach(slot, leases.open({ ttlMs, session: undefined }, now));
    reply({ ...DONE, stamp });
  }

  /** A word over an instance that is gone can be lifted, and nothing else. */
  #liftLeftOver(command: OverrideCommand, reply: Reply, now: Instant): void {
    const { table } = this.#options.replica;
    for (const scope of [Scope.global, Scope.region]) {
      const slot = this.#options.replica.find(overrideKey(command, scope));
      const isLive = slot !== NO_SLOT && table.state(slot) !== InstanceState.removed;
      if (!isLive || command.state !== undefined) continue;
      const written = this.#writeOverride(command, scope, now);
      return reply(
        written === undefined ? refusal(lastWord(command)) : { ...DONE, stamp: written.stamp },
      );
    }
    reply(refusal(unknownInstance(command)));
  }

  /** The word goes where the instance goes: one of a region alone is not told to others. */
  #override(command: OverrideCommand, reply: Reply, now: Instant): void {
    const { table } = this.#options.replica;
    const instance = this.#liveSlot(command);
    if (instance === undefined) return this.#liftLeftOver(command, reply, now);
    const { scope } = table.origin(table.originOf(instance));
    // Of an earlier registration with another visibility.
    const other = scope === Scope.global ? Scope.region : Scope.global;
    const stale = this.#options.replica.find(overrideKey(command, other));
    if (stale !== NO_SLOT && table.state(stale) !== InstanceState.removed) {
      this.#writeOverride({ ...command, state: undefined }, other, now);
    }
    const written = this.#writeOverride(command, scope, now);
    if (written === undefined) return reply(refusal(lastWord(command)));
    const { slot, stamp } = written;
    if (command.state !== InstanceState.draining) return reply({ ...DONE, stamp });
    this.#drain(slot, { stamp, timeoutMs: command.timeoutMs }, reply, now);
  }

  /** Undefined above the last stamp there is, which only a lie can carry. */
  #writeOverride(
    command: OverrideCommand,
    scope: Scope,
    now: Instant,
  ): { slot: Slot; stamp: Stamp } | undefined {
    const { replica, clock } = this.#options;
    const isLift = command.state === undefined;
    const stamp = stampOfWord(overrideKey(command, scope), { replica, clock });
    if (stamp === undefined) return undefined;
    const slot = replica.write(
      {
        ...overrideKey(command, scope),
        stamp,
        state: command.state ?? InstanceState.removed,
        isSuspect: false,
        reason: isLift ? RemovalReason.operator : RemovalReason.none,
        since: 0,
        body: isLift ? EMPTY_BODY : command.body,
      },
      now,
    );
    return { slot, stamp };
  }

  #drain(
    slot: Slot,
    { stamp, timeoutMs }: { stamp: Stamp; timeoutMs: number },
    reply: Reply,
    now: Instant,
  ): void {
    const finish = (outcome: { confirmedCount: number; unconfirmed: readonly string[] }) => {
      reply({ refusal: undefined, stamp, ...outcome });
    };
    if (this.#options.drains.wait(slot, { stamp, timeoutMs, finish }, now)) return;
    reply(
      refusal({ code: ErrorCode.resourceExhausted, message: "too many drains run on this node" }),
    );
  }

  #liveSlot(name: { namespace: string; service: string; id: string }): Slot | undefined {
    const slot = this.#options.writer.find(name);
    if (slot === NO_SLOT) return undefined;
    return this.#options.replica.table.state(slot) === InstanceState.removed ? undefined : slot;
  }
}

/** Nothing is passed on through the dead and those that left. */
function knowsAccusationsOrIsGone({ status, description }: Member): boolean {
  const isGone = status === NodeStatus.dead || status === NodeStatus.left;
  return isGone || description.knowsAccusations === true;
}

/** No word can be put over this one: its stamp is the last there is. */
function lastWord({ service, id }: OverrideCommand): Refusal {
  const message = `the word on ${service}/${id} has the last stamp there is, and cannot be replaced`;
  return { code: ErrorCode.outOfRange, message };
}

function overrideKey(name: Omit<RecordKey, "kind" | "scope">, scope: Scope): RecordKey {
  const { namespace, service, id } = name;
  return { kind: RecordKind.override, scope, namespace, service, id };
}

const EMPTY_BODY = new Uint8Array(0);
const DONE = { refusal: undefined, stamp: undefined, confirmedCount: 0, unconfirmed: [] } as const;

function refusal(why: Refusal): CommandResult {
  return { ...DONE, refusal: why };
}

function unknownInstance(name: { namespace: string; service: string; id: string }): Refusal {
  return {
    code: ErrorCode.notFound,
    message: `instance ${name.service}/${name.id} in namespace ${name.namespace} is not registered: register it first`,
  };
}
