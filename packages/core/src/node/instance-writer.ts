/**
 * The writes of one node on instances that it owns, or takes over.
 *
 * Every write goes through the replica as this node's own; a key that another node's higher stamp
 * has taken is never written again under the old stamp (P5).
 */
import { ErrorCode, type Refusal } from "../errors.js";
import type { HybridClock } from "../hlc.js";
import type { Lease, LeaseLapse, LeaseTable } from "../lease/lease-table.js";
import { remarkOfTtl } from "../lease/ttl-remark.js";
import {
  LEASE_COUNT_MAX,
  RECORD_COUNT_MAX,
  SERVICE_COUNT_MAX,
  SERVICE_TOTAL_COUNT_MAX,
  SESSION_INSTANCE_COUNT_MAX,
} from "../limits.js";
import type { RegisteredItem, RegisterItem } from "../messages.js";
import {
  CLAIM_MAX,
  compareStamps,
  INCARNATION_MAX,
  InstanceState,
  type Origin,
  RecordKind,
  type RegistryRecord,
  RemovalReason,
  raiseStamp,
  Scope,
  SESSION_NUMBER_MAX,
  type Stamp,
} from "../record.js";
import type { Replica } from "../replica/replica.js";
import { NO_SLOT, type Slot } from "../table/record-table.js";
import type { Instant } from "../time.js";
import type { SessionKey } from "./events.js";
import type { Session } from "./session-table.js";

export interface InstanceName {
  readonly namespace: string;
  readonly service: string;
  readonly id: string;
}

export interface InstanceWriterOptions {
  readonly replica: Replica;
  readonly leases: LeaseTable;
  readonly clock: HybridClock;
  /** Whether another node's life is over, as far as this node knows. */
  readonly isOrphaned: (origin: Origin) => boolean;
}

const EMPTY_BODY = new Uint8Array(0);

export class InstanceWriter {
  readonly #replica: Replica;
  readonly #leases: LeaseTable;
  readonly #clock: HybridClock;
  readonly #isOrphaned: (origin: Origin) => boolean;

  constructor(options: InstanceWriterOptions) {
    this.#replica = options.replica;
    this.#leases = options.leases;
    this.#clock = options.clock;
    this.#isOrphaned = options.isOrphaned;
  }

  /** The slot of an instance's live record or tombstone, whichever scope it has. */
  find(name: InstanceName): Slot {
    const key = { ...name, kind: RecordKind.instance };
    const slot = this.#replica.find({ ...key, scope: Scope.global });
    if (slot !== NO_SLOT && this.#replica.table.state(slot) !== InstanceState.removed) return slot;
    const regional = this.#replica.find({ ...key, scope: Scope.region });
    return regional === NO_SLOT ? slot : regional;
  }

  /** Registers or replaces an instance of a session. */
  register(
    session: Session,
    lease: Lease,
    item: RegisterItem,
    now: Instant,
  ): RegisteredItem & { superseding?: RegistryRecord; displaced?: SessionKey } {
    const key = {
      kind: RecordKind.instance,
      scope: item.scope,
      namespace: session.namespace,
      service: item.service,
      id: item.id,
    };
    const slot = this.#replica.find(key);
    const isHeldHere = slot !== NO_SLOT && lease.slots.has(slot);
    const noRoom = isHeldHere
      ? undefined
      : this.#roomFor(session.namespace, item.service, { lease, slot });
    if (noRoom !== undefined) return refused(item, noRoom);
    const held = slot === NO_SLOT ? undefined : this.#replica.table.read(slot);
    this.#clock.observe(item.incarnation);
    const incarnation = item.incarnation || this.#incarnationAbove(held);
    if (incarnation > INCARNATION_MAX) return refused(item, outOfRange(item, incarnation));
    const isLater = held !== undefined && this.#isOfLaterProcess(held, item);
    const claim = { incarnation, session: session.sessionNumber };
    const stamp = isLater ? undefined : this.#stampOver(held, claim);
    if (stamp === undefined) {
      const by = isLater ? "by a process that began later" : "with a later stamp";
      const message = `instance ${item.service}/${item.id} is held ${by} than (${incarnation}, ${session.sessionNumber}): register again above it, or stop`;
      return {
        ...refused(item, { code: ErrorCode.aborted, message }),
        ...(held === undefined ? {} : { superseding: held }),
      };
    }
    const isSameLife = held !== undefined && held.stamp.incarnation === incarnation;
    const since = item.since || (isSameLife && held.since !== 0 ? held.since : this.#clock.next());
    const stored = this.#replica.write(
      {
        kind: key.kind,
        scope: key.scope,
        namespace: key.namespace,
        service: key.service,
        id: key.id,
        stamp,
        state: item.state,
        isSuspect: false,
        reason: RemovalReason.none,
        since,
        body: item.body,
      },
      now,
    );
    const former = this.#leases.get(this.#replica.table.tag(stored));
    const displaced = former === lease ? undefined : former?.session;
    this.attach(stored, lease);
    return {
      ...{ service: item.service, id: item.id, stamp, since, code: undefined, message: "" },
      ...(displaced === undefined ? {} : { displaced }),
    };
  }

  /** Writes an instance that hangs on a lease without a session (REST). */
  registerLease(
    name: InstanceName & { scope: Scope; state: InstanceState; body: Uint8Array },
    ttlMs: number,
    now: Instant,
  ): { slot: Slot; stamp: Stamp } | Refusal {
    const key = {
      kind: RecordKind.instance,
      scope: name.scope,
      namespace: name.namespace,
      service: name.service,
      id: name.id,
    };
    const slot = this.#replica.find(key);
    const known = slot === NO_SLOT ? undefined : this.#leases.get(this.#replica.table.tag(slot));
    const held = slot === NO_SLOT ? undefined : this.#replica.table.read(slot);
    const isOwn = known !== undefined && held !== undefined && this.#replica.isOwn(held.origin);
    const isUpdate = isOwn && held.state !== InstanceState.removed && known.session === undefined;
    if (!isUpdate) {
      const refusal = this.#roomFor(name.namespace, name.service, { lease: undefined, slot });
      if (refusal !== undefined) return refusal;
      if (this.#leases.count >= LEASE_COUNT_MAX)
        return exhausted("leases of this node", LEASE_COUNT_MAX);
    }
    const stamp = isUpdate
      ? held.stamp
      : { incarnation: this.#incarnationAbove(held), session: 0, claim: 0 };
    if (stamp.incarnation > INCARNATION_MAX) return outOfRange(name, stamp.incarnation);
    const stored = this.#replica.write(
      {
        ...key,
        stamp,
        state: name.state,
        isSuspect: false,
        reason: remarkOfTtl(ttlMs),
        since: isUpdate ? held.since : this.#clock.next(),
        body: name.body,
      },
      now,
    );
    if (isUpdate && known.ttlMs === ttlMs && known.phase !== "adopted")
      this.#leases.apply(known, "heard", now);
    else this.attach(stored, this.#leases.open({ ttlMs, session: undefined }, now));
    return { slot: stored, stamp };
  }

  /**
   * Changes state, suspicion or body of a record; takes it over when another origin wrote it. A
   * `session` or `stamp` is what its stamp becomes.
   */
  rewrite(
    slot: Slot,
    change: {
      state?: InstanceState;
      isSuspect?: boolean;
      session?: number;
      stamp?: Stamp;
      body?: Uint8Array;
    },
    now: Instant,
  ): Stamp {
    const held = this.#replica.table.read(slot);
    const isOwn = this.#replica.isOwn(held.origin);
    // Each drain has a stamp of its own, so that a confirmation of an earlier one proves nothing.
    const isNewDrain = change.state === InstanceState.draining;
    const hasLastClaim = held.stamp.claim >= CLAIM_MAX;
    const keepsStamp = isOwn && (!isNewDrain || hasLastClaim);
    const raised = keepsStamp ? held.stamp : raiseStamp(held.stamp);
    const given =
      change.session === undefined ? raised : stampOfSession(held.stamp, change.session);
    const stamp = change.stamp ?? given;
    // Nothing can beat the last stamp there is, which only a lie can carry.
    if (stamp === undefined) return held.stamp;
    this.#replica.write(
      {
        ...held,
        stamp,
        state: change.state ?? held.state,
        isSuspect: change.isSuspect ?? held.isSuspect,
        body: change.body ?? held.body,
      },
      now,
    );
    return stamp;
  }

  /**
   * Writes a record anew as the beginning of another life: above whatever may have been written and
   * forgotten where this node could not hear it. Undefined above the last stamp there is.
   */
  refute(slot: Slot, now: Instant): Stamp | undefined {
    const held = this.#replica.table.read(slot);
    const incarnation = this.#incarnationAbove(held);
    if (incarnation > INCARNATION_MAX) return undefined;
    const stamp = { incarnation, session: held.stamp.session, claim: 0 };
    this.#replica.write({ ...held, stamp }, now);
    return stamp;
  }

  /** Writes a tombstone over a live record and takes it off its lease. */
  remove(slot: Slot, reason: RemovalReason, now: Instant): void {
    const held = this.#replica.table.read(slot);
    if (held.state === InstanceState.removed) return;
    const stamp = this.#replica.isOwn(held.origin) ? held.stamp : raiseStamp(held.stamp);
    if (stamp === undefined) {
      this.detach(slot);
      return;
    }
    this.#replica.write(
      {
        ...held,
        stamp,
        state: InstanceState.removed,
        isSuspect: false,
        reason,
        body: EMPTY_BODY,
      },
      now,
    );
    this.detach(slot);
  }

  /** Carries out a lease's lapse on its records. */
  carryOut(lapse: LeaseLapse, now: Instant): void {
    const { lease, step } = lapse;
    for (const slot of [...lease.slots]) {
      if (step.write === "tombstone") this.remove(slot, step.reason, now);
      else if (step.write === "suspect") this.#mark(slot, true, now);
      else if (step.write === "alive") this.#mark(slot, false, now);
    }
    // A lease without a session ended with its last record.
    const isOpen = this.#leases.get(lease.id) === lease;
    if (step.phase === "ended" && isOpen) this.#leases.end(lease);
  }

  attach(slot: Slot, lease: Lease): void {
    if (this.#replica.table.tag(slot) !== lease.id) this.detach(slot);
    this.#replica.table.setTag(slot, lease.id);
    lease.slots.add(slot);
  }

  /** Takes a slot off its lease; a REST lease without a record ends. */
  detach(slot: Slot): Lease | undefined {
    const lease = this.#leases.get(this.#replica.table.tag(slot));
    this.#replica.table.setTag(slot, 0);
    return this.dropFrom(lease, slot);
  }

  /** Like {@link detach} for a slot whose tag was read before. */
  dropFrom(lease: Lease | undefined, slot: Slot): Lease | undefined {
    if (lease === undefined) return undefined;
    lease.slots.delete(slot);
    if (lease.slots.size === 0 && lease.session === undefined) this.#leases.end(lease);
    return lease;
  }

  /**
   * The incarnation of a life that begins now: above what is known of the id, and, because what is
   * not known here may be higher, not below the hybrid clock.
   */
  #incarnationAbove(held: RegistryRecord | undefined): number {
    return Math.max((held?.stamp.incarnation ?? 0) + 1, this.#clock.next());
  }

  #mark(slot: Slot, isSuspect: boolean, now: Instant): void {
    const table = this.#replica.table;
    if (table.state(slot) === InstanceState.removed || table.isSuspect(slot) === isSuspect) return;
    this.rewrite(slot, { isSuspect }, now);
  }

  /**
   * Whether a process that is well holds the id and began later: then it has it, however high the
   * earlier one claims. Such a claim was made when it looked gone, or crossed its coming back.
   */
  #isOfLaterProcess(held: RegistryRecord, item: RegisterItem): boolean {
    if (item.since === 0 || item.since >= held.since) return false;
    if (held.state === InstanceState.removed || held.isSuspect) return false;
    return this.#replica.isOwn(held.origin) || !this.#isOrphaned(held.origin);
  }

  /** The stamp with which a registration beats what is held, or undefined when it cannot. */
  #stampOver(
    held: RegistryRecord | undefined,
    claim: { incarnation: number; session: number },
  ): Stamp | undefined {
    const stamp = { incarnation: claim.incarnation, session: claim.session, claim: 0 };
    if (held === undefined) return stamp;
    const isSame =
      held.stamp.incarnation === claim.incarnation && held.stamp.session === claim.session;
    if (isSame && held.state !== InstanceState.removed && this.#replica.isOwn(held.origin)) {
      return held.stamp;
    }
    return compareStamps(stamp, held.stamp) > 0 ? stamp : undefined;
  }

  /** Whether a registration may add what it needs: a place in its lease, a record, a service. */
  #roomFor(
    namespace: string,
    service: string,
    { lease, slot }: { lease: Lease | undefined; slot: Slot },
  ): Refusal | undefined {
    const table = this.#replica.table;
    if (lease !== undefined && lease.slots.size >= SESSION_INSTANCE_COUNT_MAX) {
      return exhausted("instances of one session", SESSION_INSTANCE_COUNT_MAX);
    }
    if (slot !== NO_SLOT) return undefined;
    if (table.liveCount + table.tombstoneCount >= RECORD_COUNT_MAX) {
      return exhausted("records of this node", RECORD_COUNT_MAX);
    }
    const isNew = table.findService(namespace, service) < 0;
    if (isNew && table.serviceCountOf(namespace) >= SERVICE_COUNT_MAX) {
      return exhausted(`services of namespace ${namespace}`, SERVICE_COUNT_MAX);
    }
    if (isNew && table.serviceCount >= SERVICE_TOTAL_COUNT_MAX) {
      return exhausted("services of this node", SERVICE_TOTAL_COUNT_MAX);
    }
    return undefined;
  }
}

/** The stamp of a later session; a number past its end raises like any stamp. */
function stampOfSession(held: Stamp, session: number): Stamp | undefined {
  if (session > SESSION_NUMBER_MAX) return raiseStamp({ ...held, claim: CLAIM_MAX });
  return { incarnation: held.incarnation, session, claim: 0 };
}

function outOfRange(
  { service, id }: { service: string; id: string },
  incarnation: number,
): Refusal {
  return {
    code: ErrorCode.outOfRange,
    message: `cannot register ${service}/${id}: incarnation ${incarnation} must be <= ${INCARNATION_MAX}; choose another id`,
  };
}

function exhausted(what: string, bound: number): Refusal {
  return {
    code: ErrorCode.resourceExhausted,
    message: `cannot register: ${what} are limited to ${bound}; deregister some first`,
  };
}

function refused(item: RegisterItem, refusal: Refusal): RegisteredItem {
  return { service: item.service, id: item.id, stamp: undefined, since: 0, ...refusal };
}
