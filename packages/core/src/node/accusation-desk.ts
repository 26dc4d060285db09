/**
 * What becomes of accusations at the one node that may write the accused instance: its owner, or
 * the adopter of an orphan.
 *
 * A lease by REST with a ttl of a minute says nothing of a process that died a second after its
 * renewal; its callers know at once. So what they say makes it suspect before its ttl, with bounds:
 *
 * - an instance whose own session is heard stays as it is: its heartbeat is better evidence (P6);
 * - one accuser never suffices, because the fault may be the accuser's own: it takes
 *   {@link ACCUSER_COUNT_MIN} within {@link ACCUSATION_WINDOW_MS};
 * - only a share of the instances may become suspect so in one window: when many are accused
 *   together, the accusers have the fault in common (as in self-doubt.ts);
 * - nothing is removed by it, ever: the lease goes on as if nobody had said anything, and its next
 *   renewal lifts the suspicion. So do the accusers, when they take back what they said.
 *
 * @see Das, Gupta, Motivala, "SWIM" (2002), section 4.2: suspicion that the accused can refute.
 */
import { LeasePhase } from "../lease/lease-rules.js";
import type { LeaseTable } from "../lease/lease-table.js";
import { LAPSE_RATIO_MAX, SILENCE_COUNT_MIN } from "../lease/self-doubt.js";
import { ACCUSED_COUNT_MAX, ACCUSER_COUNT_MAX } from "../limits.js";
import type { RoutedCommand } from "../messages.js";
import { InstanceState } from "../record.js";
import type { Replica } from "../replica/replica.js";
import { type Suspicion, SuspicionReason } from "../suspicion.js";
import type { Slot } from "../table/record-table.js";
import { after, type Instant, instant } from "../time.js";
import type { Adoption } from "./adoption.js";
import type { InstanceWriter } from "./instance-writer.js";
import type { NodeCounters } from "./node-counters.js";
import type { Outbox } from "./outbox.js";

/** Accusers that it takes. */
export const ACCUSER_COUNT_MIN = 2;
/** How long an accusation counts; accusers say it again while it is so. */
export const ACCUSATION_WINDOW_MS = 30_000;

export type Accusation = Extract<RoutedCommand, { kind: "accuse" }>;

export interface AccusationDeskOptions {
  readonly replica: Replica;
  readonly writer: InstanceWriter;
  readonly leases: LeaseTable;
  readonly adoption: Adoption;
  readonly counters: NodeCounters;
  readonly outbox: Outbox;
}

const REASON_OF_PHASE: Readonly<Record<Exclude<LeasePhase, "active">, SuspicionReason>> = {
  silent: SuspicionReason.silent,
  closed: SuspicionReason.connectionClosed,
  adopted: SuspicionReason.orphaned,
};

interface Accused {
  /** The life that is accused; a slot may come to hold another. */
  readonly incarnation: number;
  /** When each said so last, at most {@link ACCUSER_COUNT_MAX}. */
  readonly accusers: Map<string, Instant>;
  /** It is suspect because of them alone. */
  isSuspectByThem: boolean;
}

export class AccusationDesk {
  readonly #options: AccusationDeskOptions;
  /** The one accused first comes first. */
  readonly #accused = new Map<Slot, Accused>();
  #windowEnd: Instant = instant(Number.NEGATIVE_INFINITY);
  /** Instances that became suspect in this window. */
  #suspectCount = 0;

  constructor(options: AccusationDeskOptions) {
    this.#options = options;
  }

  /** Takes what a caller says of a live record. */
  take(slot: Slot, accusation: Accusation, now: Instant): void {
    const { replica, adoption, counters } = this.#options;
    const { table } = replica;
    const isOfThisLife = table.stamp(slot).incarnation === accusation.incarnation;
    const isMine = adoption.speaksFor(table.origin(table.originOf(slot)));
    if (!isMine || !isOfThisLife || table.state(slot) !== InstanceState.up) {
      counters.accusationsMoot += 1;
    } else if (accusation.isRetraction) {
      this.#retract(slot, accusation.accuser, now);
    } else if (this.#isHeard(slot)) {
      counters.accusationsRefuted += 1;
    } else {
      this.#accuse(slot, accusation, now);
    }
  }

  /** Why this node made an instance suspect; undefined when it did not. */
  suspicionOf(slot: Slot): Suspicion | undefined {
    const { replica, leases } = this.#options;
    const { table } = replica;
    const isOwn = replica.isOwn(table.origin(table.originOf(slot)));
    if (!isOwn || !table.isSuspect(slot)) return undefined;
    const phase = leases.get(table.tag(slot))?.phase;
    if (phase === undefined) return undefined;
    if (phase !== LeasePhase.active) return { reason: REASON_OF_PHASE[phase] };
    const accused = this.#entry(slot, table.stamp(slot).incarnation);
    if (accused?.isSuspectByThem !== true) return undefined;
    return { reason: SuspicionReason.accused, accuserCount: accused.accusers.size };
  }

  /** A lease by REST was renewed: whatever was said of its instance is refuted. */
  renewed(slot: Slot, now: Instant): void {
    const { replica, writer } = this.#options;
    this.#accused.delete(slot);
    if (replica.table.isSuspect(slot)) writer.rewrite(slot, { isSuspect: false }, now);
  }

  #accuse(slot: Slot, { accuser, service, id, ...accusation }: Accusation, now: Instant): void {
    const { replica, counters, outbox } = this.#options;
    const known = this.#entry(slot, accusation.incarnation);
    // What is suspect for another reason needs no accusers.
    if (replica.table.isSuspect(slot) && known?.isSuspectByThem !== true) {
      counters.accusationsMoot += 1;
      return;
    }
    const accused = known ?? this.#remember(slot, accusation.incarnation);
    forgetOld(accused, now);
    if (accused.accusers.size < ACCUSER_COUNT_MAX || accused.accusers.has(accuser)) {
      accused.accusers.set(accuser, now);
    }
    counters.accusationsTaken += 1;
    const accuserCount = accused.accusers.size;
    if (accused.isSuspectByThem || accuserCount < ACCUSER_COUNT_MIN) return;
    if (!this.#admits(now)) {
      counters.accusationsDoubted += 1;
      outbox.note("warn", "instance.accusers-doubted", { service, id, accuserCount });
      return;
    }
    counters.instancesAccused += 1;
    outbox.note("info", "instance.accused", { service, id, accuserCount });
    this.#suspect(slot, accused, now);
  }

  #retract(slot: Slot, accuser: string, now: Instant): void {
    const { replica, writer, leases, counters } = this.#options;
    const accused = this.#entry(slot, replica.table.stamp(slot).incarnation);
    if (accused?.accusers.delete(accuser) !== true) return;
    counters.accusationsRetracted += 1;
    forgetOld(accused, now);
    if (accused.accusers.size >= ACCUSER_COUNT_MIN) return;
    const isActive = leases.get(replica.table.tag(slot))?.phase === "active";
    // Once its ttl is over, it is suspect for its silence.
    if (accused.isSuspectByThem && isActive) {
      counters.instancesCleared += 1;
      writer.rewrite(slot, { isSuspect: false }, now);
    }
    this.#accused.delete(slot);
  }

  #suspect(slot: Slot, accused: Accused, now: Instant): void {
    const { replica, writer, adoption } = this.#options;
    const origin = replica.table.origin(replica.table.originOf(slot));
    if (!replica.isOwn(origin)) {
      // An orphan: adopted now and not after the orphan time. It comes back as any adopted one.
      this.#accused.delete(slot);
      adoption.adopt(slot, now);
      return;
    }
    accused.isSuspectByThem = true;
    writer.rewrite(slot, { isSuspect: true }, now);
  }

  /** Whether its own session is heard. Of what is silent or orphaned nobody here hears anything. */
  #isHeard(slot: Slot): boolean {
    const { replica, leases } = this.#options;
    const lease = leases.get(replica.table.tag(slot));
    return lease?.session !== undefined && lease.phase === "active";
  }

  #entry(slot: Slot, incarnation: number): Accused | undefined {
    const accused = this.#accused.get(slot);
    return accused?.incarnation === incarnation ? accused : undefined;
  }

  #remember(slot: Slot, incarnation: number): Accused {
    this.#accused.delete(slot);
    const [first] = this.#accused.keys();
    if (first !== undefined && this.#accused.size >= ACCUSED_COUNT_MAX) {
      this.#accused.delete(first);
    }
    const accused = { incarnation, accusers: new Map(), isSuspectByThem: false };
    this.#accused.set(slot, accused);
    return accused;
  }

  /** The brake: many that are accused together are more likely out of their accusers' reach. */
  #admits(now: Instant): boolean {
    if (now >= this.#windowEnd) {
      this.#windowEnd = after(now, ACCUSATION_WINDOW_MS);
      this.#suspectCount = 0;
    }
    const countMax = Math.max(SILENCE_COUNT_MIN, this.#options.leases.count * LAPSE_RATIO_MAX);
    if (this.#suspectCount >= countMax) return false;
    this.#suspectCount += 1;
    return true;
  }
}

function forgetOld({ accusers }: Accused, now: Instant): void {
  for (const [accuser, saidAt] of accusers) {
    if (now >= after(saidAt, ACCUSATION_WINDOW_MS)) accusers.delete(accuser);
  }
}
