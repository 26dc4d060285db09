/**
 * The leases of one node: who must be heard, by when, and which records hang on it.
 *
 * Applies {@link LEASE_RULES}; what a step writes on records is the caller's to do. Hearing a
 * lease is O(1) and writes one number (P9).
 */
import { assert } from "../assert.js";
import type { SessionKey } from "../node/events.js";
import { RemovalReason } from "../record.js";
import type { Slot } from "../table/record-table.js";
import { after, type Instant } from "../time.js";
import { DeadlineWheel } from "./deadline-wheel.js";
import { LEASE_RULES, type LeaseEvent, LeasePhase, type LeaseStep } from "./lease-rules.js";
import type { DoubtReason, SelfDoubt } from "./self-doubt.js";

/** Names a lease on this node, from 1; used again after its end. */
export type LeaseId = number;

export interface Lease {
  readonly id: LeaseId;
  readonly ttlMs: number;
  /** The session that keeps it; undefined for REST and adopted leases. */
  readonly session: SessionKey | undefined;
  phase: LeasePhase;
  /** Since when its instances are suspect. */
  suspectSince: Instant;
  /** Slots of the records that hang on it. */
  readonly slots: Set<Slot>;
}

export interface LeaseTimings {
  readonly reconnectGraceMs: number;
  readonly confirmationMs: number;
  readonly orphanTtlMs: number;
}

/** A step that the caller has to carry out on the lease's records. */
export interface LeaseLapse {
  readonly lease: Lease;
  readonly step: LeaseStep;
}

const NOTHING_DUE = { lapses: [], held: new Map<DoubtReason, number>() } as const;

export class LeaseTable {
  readonly #timings: LeaseTimings;
  readonly #doubt: SelfDoubt;
  readonly #wheel: DeadlineWheel;
  readonly #leases = new Map<LeaseId, Lease>();
  readonly #freeIds: LeaseId[] = [];
  #nextId: LeaseId = 1;

  constructor(options: { timings: LeaseTimings; doubt: SelfDoubt; now: Instant }) {
    this.#timings = options.timings;
    this.#doubt = options.doubt;
    this.#wheel = new DeadlineWheel({ now: options.now });
  }

  get count(): number {
    return this.#leases.size;
  }

  get(id: LeaseId): Lease | undefined {
    return this.#leases.get(id);
  }

  open(
    options: { ttlMs: number; session: SessionKey | undefined; phase?: LeasePhase },
    now: Instant,
  ): Lease {
    const id = this.#freeIds.pop() ?? this.#nextId++;
    const phase = options.phase ?? LeasePhase.active;
    const lease: Lease = {
      id,
      ttlMs: options.ttlMs,
      session: options.session,
      phase,
      suspectSince: now,
      slots: new Set(),
    };
    this.#leases.set(id, lease);
    const durationMs = phase === LeasePhase.adopted ? this.#timings.orphanTtlMs : options.ttlMs;
    this.#wheel.set(id, after(now, durationMs));
    return lease;
  }

  /** Ends a lease; its slots must have been dealt with. */
  end(lease: Lease): void {
    assert(this.#leases.get(lease.id) === lease, `lease ${lease.id} must be open to end`);
    this.#wheel.cancel(lease.id);
    this.#leases.delete(lease.id);
    this.#freeIds.push(lease.id);
  }

  /** The lease was heard, or its connection closed. Undefined when nothing is to be written. */
  apply(
    lease: Lease,
    event: Exclude<LeaseEvent, "deadline">,
    now: Instant,
  ): LeaseLapse | undefined {
    return this.#take(lease, LEASE_RULES[lease.phase][event], now);
  }

  /**
   * Takes leases whose time is up, as far as self-doubt admits.
   *
   * @returns What is to be written, and why some had to wait.
   */
  expire(
    options: { hasSilentNode: boolean },
    now: Instant,
  ): { lapses: readonly LeaseLapse[]; held: ReadonlyMap<DoubtReason, number> } {
    const due = this.#wheel.expire(now);
    if (due.length === 0) return NOTHING_DUE;
    const lapses: LeaseLapse[] = [];
    const held = new Map<DoubtReason, number>();
    for (const id of due) {
      const lease = this.#leases.get(id);
      if (lease === undefined) continue;
      const step = LEASE_RULES[lease.phase].deadline;
      const admission =
        step.phase === "ended"
          ? this.#doubt.admitRemoval(
              { suspectSince: lease.suspectSince, leaseCount: this.count, ...options },
              now,
            )
          : this.#doubt.admitSilence(this.count, now);
      if (admission !== "now") {
        this.#wheel.set(id, admission.until);
        held.set(admission.reason, (held.get(admission.reason) ?? 0) + 1);
        continue;
      }
      const lapse = this.#take(lease, step, now);
      if (lapse !== undefined) lapses.push(lapse);
    }
    return { lapses, held };
  }

  next(): Instant {
    return this.#wheel.next();
  }

  #take(lease: Lease, step: LeaseStep, now: Instant): LeaseLapse | undefined {
    if (step.phase !== "ended") {
      if (step.phase !== lease.phase) {
        if (lease.phase === LeasePhase.active) lease.suspectSince = now;
        lease.phase = step.phase;
      }
      if (step.deadline !== "keep") {
        this.#wheel.set(lease.id, after(now, this.#durationMs(lease, step.deadline)));
      }
    }
    if (step.write === "nothing") return undefined;
    const isRest = lease.session === undefined && step.reason === RemovalReason.silent;
    return { lease, step: isRest ? { ...step, reason: RemovalReason.leaseExpired } : step };
  }

  #durationMs(lease: Lease, duration: Exclude<LeaseStep["deadline"], "keep">): number {
    return duration === "ttlMs" ? lease.ttlMs : this.#timings[duration];
  }
}
