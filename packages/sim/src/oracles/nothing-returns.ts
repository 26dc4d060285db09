/**
 * S1: no removed (instance, stamp) is seen again.
 *
 * Claims: once a node has stored a tombstone of a key, it never again stores a live record of that
 * key whose stamp is not above the tombstone's; once a view has shown an instance as removed, it
 * never again shows it under that stamp or a lower one, whichever server answers.
 *
 * Judged from: what nodes put into their tables, and what views tell their programs. What was
 * buried is remembered for the whole life of the node or client, so a tombstone that was collected
 * too early is found out when something older comes.
 *
 * Excuses: none for a node. A program that stops watching a service drops its view, and begins the
 * next one knowing nothing.
 *
 * A region's own instance that a view does not show because it is in another region was not
 * removed: it may be seen there again.
 *
 * Cannot see: what a process forgets by its own end; the next life is judged anew.
 */
import {
  type ClientEvent,
  InstanceState,
  RecordKind,
  type RegistryRecord,
  Scope,
  type Stamp,
  type ViewInstance,
} from "@fpzk/core";
import { keyOf, nameOf, orderOfStamps, recordText, stampText } from "./record-order.js";
import { type SeenClient, type SeenNode, type SeenView, type ViewChanged, viewOf } from "./seen.js";
import type { Court } from "./verdict.js";

export class NothingReturns {
  readonly #court: Court;
  /** Per life of a node: key → highest stamp whose tombstone it stored. */
  readonly #buried = new WeakMap<SeenNode, Map<string, Stamp>>();
  /** Per life of a client: service → id → highest stamp that its view showed and removed. */
  readonly #gone = new WeakMap<SeenClient, Map<string, Map<string, Stamp>>>();

  constructor(court: Court) {
    this.#court = court;
  }

  stored(node: SeenNode, record: RegistryRecord): void {
    if (record.kind === RecordKind.canary) return;
    const buried = this.#buried.get(node);
    if (record.state === InstanceState.removed) {
      if (buried === undefined) this.#buried.set(node, new Map([[keyOf(record), record.stamp]]));
      else raise(buried, keyOf(record), record.stamp);
      return;
    }
    if (buried === undefined) return;
    const last = buried.get(keyOf(record));
    if (last === undefined || orderOfStamps(record.stamp, last) > 0) return;
    const text = `${node.id} holds ${recordText(record)} after its tombstone ${stampText(last)}`;
    this.#court.fail("S1", text);
  }

  viewChanged(client: SeenClient, { service, changes }: ViewChanged): void {
    const view = viewOf(client, service);
    for (const change of changes) {
      const { type, instance } = change;
      const gone = this.#gone.get(client)?.get(service);
      const key = this.#keyOf(instance, view);
      if (type === "removed") {
        if (change.reason === "elsewhere") continue;
        raise(gone ?? this.#begin(client, service), key, instance.stamp);
        continue;
      }
      const last = gone?.get(key);
      if (last === undefined || orderOfStamps(instance.stamp, last) > 0) continue;
      const stamps = `${stampText(instance.stamp)} again, after it was removed at ${stampText(last)}`;
      this.#court.fail("S1", `${client.id} sees ${nameOf(instance)} ${stamps}`);
    }
  }

  asked(client: SeenClient, event: ClientEvent): void {
    if (event.type === "unwatch") this.#gone.get(client)?.delete(event.service);
  }

  /** A region's own instance is a key of that region. */
  #keyOf({ id, stamp, ownerNodeId }: ViewInstance, view: SeenView | undefined): string {
    const behind = view?.recordsOf(id).find((record) => {
      return record.origin.nodeId === ownerNodeId && orderOfStamps(record.stamp, stamp) === 0;
    });
    const over = view?.recordsOf(id).find((record) => orderOfStamps(record.stamp, stamp) >= 0);
    const scope = (behind ?? over)?.scope ?? Scope.global;
    return scope === Scope.global ? id : `${id} of ${view?.region}`;
  }

  #begin(client: SeenClient, service: string): Map<string, Stamp> {
    const services = this.#gone.get(client) ?? new Map<string, Map<string, Stamp>>();
    this.#gone.set(client, services);
    const gone = new Map<string, Stamp>();
    services.set(service, gone);
    return gone;
  }
}

function raise(stamps: Map<string, Stamp>, key: string, stamp: Stamp): void {
  const last = stamps.get(key);
  if (last === undefined || orderOfStamps(stamp, last) > 0) stamps.set(key, stamp);
}
