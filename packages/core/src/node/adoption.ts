/**
 * What becomes of the records of a node that is gone (the "owner node gone" row of lease-rules.ts).
 *
 * Observers show them `orphaned` at once and go on picking them: their clients come back to other
 * nodes within seconds, with higher stamps. What has not come back after the orphan time is
 * adopted by one node of the owner's region, chosen by rendezvous: written anew as suspect, with
 * `claim` raised, on a lease of the long ttl. A whole region that is gone adopts nothing: there is
 * nobody there to say so (P6).
 */
import { rendezvous } from "../hash.js";
import { NodeStatus } from "../instance.js";
import type { LeaseTable } from "../lease/lease-table.js";
import type { Membership } from "../membership/membership.js";
import { InstanceState, type Origin, originText, RecordKind } from "../record.js";
import type { Replica } from "../replica/replica.js";
import type { OriginIndex, Slot } from "../table/record-table.js";
import { after, type Instant } from "../time.js";
import type { InstanceWriter } from "./instance-writer.js";

/** Records adopted in one round: no round stalls the loop. */
const ADOPT_COUNT_MAX = 2_000;

export interface AdoptionOptions {
  readonly replica: Replica;
  readonly writer: InstanceWriter;
  readonly leases: LeaseTable;
  readonly membership: Membership;
  readonly orphanSuspectMs: number;
  readonly orphanTtlMs: number;
}

/** Whether an origin's node is gone, as far as this observer knows. */
export function isOrphaned(origin: Origin, membership: Pick<Membership, "get">): boolean {
  const member = membership.get(origin.nodeId);
  if (member === undefined) return true;
  if (member.generation > origin.generation) return true;
  return member.status === NodeStatus.dead || member.status === NodeStatus.left;
}

export class Adoption {
  readonly #options: AdoptionOptions;
  readonly #orphanedSince = new Map<OriginIndex, Instant>();

  constructor(options: AdoptionOptions) {
    this.#options = options;
  }

  /** Adopts what is due. Returns how many records. */
  round(now: Instant): number {
    const { replica, membership, orphanSuspectMs } = this.#options;
    let count = 0;
    for (const index of replica.origins(true)) {
      const origin = replica.table.origin(index);
      const isCandidate =
        !replica.isOwn(origin) &&
        replica.table.liveCountOfOrigin(index) > 0 &&
        isOrphaned(origin, membership);
      if (!isCandidate) {
        this.#orphanedSince.delete(index);
        continue;
      }
      const since = this.#orphanedSince.get(index) ?? now;
      this.#orphanedSince.set(index, since);
      if (now < after(since, orphanSuspectMs) || !this.#isAdopter(origin)) continue;
      count += this.#adopt(index, ADOPT_COUNT_MAX - count, now);
      if (count >= ADOPT_COUNT_MAX) break;
    }
    return count;
  }

  /** Whether this node may write what another said: that one is gone, or it was this node itself. */
  speaksFor(origin: Origin): boolean {
    const { replica, membership } = this.#options;
    return replica.isOwn(origin) || (isOrphaned(origin, membership) && this.#isAdopter(origin));
  }

  /** The node that may write what an origin said; undefined while nobody may. */
  speakerOf(origin: Origin): string | undefined {
    const { replica, membership } = this.#options;
    if (replica.isOwn(origin)) return replica.nodeId;
    return isOrphaned(origin, membership) ? this.#adopterOf(origin) : origin.nodeId;
  }

  /** Adopts one orphan before its time. */
  adopt(slot: Slot, now: Instant): void {
    this.#adoptAll([slot], now);
  }

  #adopt(index: OriginIndex, countMax: number, now: Instant): number {
    const { replica } = this.#options;
    const slots: Slot[] = [];
    for (const slot of replica.table.slotsAfter(index, 0)) {
      if (replica.table.kind(slot) !== RecordKind.instance) continue;
      if (replica.table.state(slot) === InstanceState.removed) continue;
      slots.push(slot);
      if (slots.length >= countMax) break;
    }
    if (slots.length > 0) this.#adoptAll(slots, now);
    return slots.length;
  }

  #adoptAll(slots: readonly Slot[], now: Instant): void {
    const { writer, leases, orphanTtlMs } = this.#options;
    const lease = leases.open({ ttlMs: orphanTtlMs, session: undefined, phase: "adopted" }, now);
    for (const slot of slots) {
      writer.rewrite(slot, { isSuspect: true }, now);
      writer.attach(slot, lease);
    }
  }

  /** One node of the owner's region, the same for all observers that agree on who is alive. */
  #isAdopter(origin: Origin): boolean {
    return this.#adopterOf(origin) === this.#options.replica.nodeId;
  }

  #adopterOf(origin: Origin): string | undefined {
    const { membership } = this.#options;
    const region = membership.get(origin.nodeId)?.description.region;
    const candidates = membership.all
      .filter((member) => member.status === NodeStatus.alive)
      .filter((member) => region === undefined || member.description.region === region)
      .map((member) => member.nodeId);
    return rendezvous(originText(origin), candidates);
  }
}
