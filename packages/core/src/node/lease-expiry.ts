/**
 * Expiry: looks for leases whose time is up, carries out what that means for their instances, and
 * says when and why it waits instead (see `self-doubt.ts`).
 */
import type { LeaseLapse, LeaseTable } from "../lease/lease-table.js";
import type { DoubtReason, SelfDoubt } from "../lease/self-doubt.js";
import type { Membership } from "../membership/membership.js";
import type { Instant } from "../time.js";
import type { InstanceWriter } from "./instance-writer.js";
import type { NodeCounters } from "./node-counters.js";
import type { Outbox } from "./outbox.js";
import type { SessionDesk } from "./session-desk.js";

export interface LeaseExpiryPorts {
  readonly leases: LeaseTable;
  readonly doubt: SelfDoubt;
  readonly membership: Membership;
  readonly writer: InstanceWriter;
  readonly desk: SessionDesk;
  readonly counters: NodeCounters;
  readonly outbox: Outbox;
}

export class LeaseExpiry {
  readonly #ports: LeaseExpiryPorts;
  #doubtReason: DoubtReason | undefined;

  constructor(ports: LeaseExpiryPorts) {
    this.#ports = ports;
  }

  /** Why expiry is paused now, if it is. */
  get doubtReason(): DoubtReason | undefined {
    return this.#doubtReason;
  }

  tick(now: Instant): void {
    const { leases, membership, counters, outbox } = this.#ports;
    const hasSilentNode = membership.hasUnexplainedSilence;
    const { lapses, held } = leases.expire({ hasSilentNode }, now);
    for (const lapse of lapses) this.#lapse(lapse, now);
    for (const [reason, count] of held) {
      counters.leasesHeld += count;
      if (this.#doubtReason === reason) continue;
      this.#doubtReason = reason;
      outbox.note("warn", "lease.expiry-paused", { reason, heldCount: count });
    }
    if (held.size === 0) this.#resume(hasSilentNode, now);
  }

  #resume(hasSilentNode: boolean, now: Instant): void {
    const reason = this.#doubtReason;
    if (reason === undefined || this.#ports.doubt.paused(now) !== undefined) return;
    if (reason === "node-silent" && hasSilentNode) return;
    this.#ports.outbox.note("info", "lease.expiry-resumed", { reason });
    this.#doubtReason = undefined;
  }

  #lapse(lapse: LeaseLapse, now: Instant): void {
    const { counters, outbox, writer, desk } = this.#ports;
    const { step, lease } = lapse;
    counters.leasesLapsed += 1;
    outbox.note("info", "lease.lapsed", { phase: step.phase, instanceCount: lease.slots.size });
    writer.carryOut(lapse, now);
    if (lease.session !== undefined) desk.lapsed(lease.session, step.phase);
  }
}
