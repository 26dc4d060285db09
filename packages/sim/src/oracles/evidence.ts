/**
 * S2: nothing is lost without evidence that can be printed.
 *
 * Claims: a view shrinks, and a node drops a live record, only when some origin had written a
 * tombstone of that key with the same or a higher stamp; and a view that shrinks says why.
 *
 * Judged from: the changes of views and what leaves nodes' tables, against every tombstone that
 * any origin was seen to write. A failure prints the evidence that is there: reason, stamp,
 * writer, time.
 *
 * Excuses: a region's own record is not seen in another region: a view of a client that is told by
 * nodes of another region than its owner's lets it go, and says so (`elsewhere`). The one case that
 * can have no evidence (all who had seen a record lost their state, and its program never came
 * back) takes 20 min, longer than a history.
 *
 * Cannot see: whether the tombstone itself was just; that is S4's part. A view tells no scope, so
 * evidence of either scope is accepted.
 */
import {
  InstanceState,
  RecordKind,
  type RegistryRecord,
  RemovalReason,
  Scope,
  type Stamp,
} from "@fpzk/core";
import { nameOf, recordText, stampText } from "./record-order.js";
import { type SeenClient, type SeenNode, type ViewChanged, viewOf } from "./seen.js";
import type { Court } from "./verdict.js";
import type { Written, WrittenRecords } from "./written-records.js";

export class Evidence {
  readonly #court: Court;
  readonly #written: WrittenRecords;

  constructor(court: Court, written: WrittenRecords) {
    this.#court = court;
    this.#written = written;
  }

  viewChanged(client: SeenClient, { changes }: ViewChanged): void {
    for (const change of changes) {
      if (change.type !== "removed") continue;
      const { instance, reason } = change;
      const lost = `${client.id} lost ${nameOf(instance)} ${stampText(instance.stamp)}`;
      if (reason === RemovalReason.none) this.#court.fail("S2", `${lost} without a reason`);
      if (reason === "elsewhere") {
        const region = viewOf(client, instance.service)?.region;
        const home = this.#written.regionOf(instance.ownerNodeId);
        const isElsewhere = region !== undefined && home !== undefined && region !== home;
        if (!isElsewhere) this.#court.fail("S2", `${lost} as elsewhere, and it is in ${home}`);
        continue;
      }
      const evidence = this.#evidenceFor(instance);
      if (evidence === undefined) {
        this.#court.fail("S2", `${lost} (reason ${reason}), and nobody had removed it`);
      } else if (reason !== evidence.record.reason && reason !== RemovalReason.collected) {
        // A later tombstone may have replaced the one that covers it: any with this reason will do.
        if (this.#evidenceFor(instance, reason) !== undefined) continue;
        this.#court.fail("S2", `${lost} (reason ${reason}), but ${evidenceText(evidence)}`);
      }
    }
  }

  dropped(node: SeenNode, record: RegistryRecord): void {
    if (record.state === InstanceState.removed || record.kind === RecordKind.canary) return;
    if (this.#written.tombstonesOver(record).length > 0) return;
    this.#court.fail("S2", `${node.id} dropped ${recordText(record)}, and nobody had removed it`);
  }

  #evidenceFor(
    instance: { readonly service: string; readonly id: string; readonly stamp: Stamp },
    reason?: RemovalReason,
  ): Written | undefined {
    const key = { kind: RecordKind.instance, ...instance };
    return [Scope.global, Scope.region]
      .flatMap((scope) => this.#written.tombstonesOver({ ...key, scope }))
      .find(({ record }) => reason === undefined || record.reason === reason);
  }
}

function evidenceText({ at, record }: Written): string {
  return `${recordText(record)} was written at ${Math.round(at)} ms`;
}
