/**
 * S3: no client's view goes back, also when it moves to another server.
 *
 * Claims: of each key that a view holds, the stamp never falls; under one stamp of one origin the
 * version never falls; under one stamp a tombstone is not followed by a live record. And the
 * position that a client names when it watches again covers, of each origin, at least what it
 * named before.
 *
 * Judged from: the records behind whatever a view says has changed, and the watch requests that a
 * client sends, over the client's whole life.
 *
 * Excuses: a program that stops watching drops its view. A client that finds its view different
 * from its node's, with nothing on the way, says so (`client.view-diverged`) and asks for
 * everything anew: its position may then fall, its records may not.
 *
 * Cannot see: a step back inside one change (a view tells only the outcome), and the order of two
 * origins' records under one stamp, which means nothing.
 */
import {
  type ClientEvent,
  InstanceState,
  type RegistryRecord,
  type SessionRequest,
} from "@fpzk/core";
import { isSameOrigin, keyInView, orderOfStamps, recordText } from "./record-order.js";
import type { SeenClient, SeenViewHolder, ViewChanged } from "./seen.js";
import type { Court } from "./verdict.js";

/** What is remembered of one view. */
interface Held {
  readonly records: Map<string, RegistryRecord>;
  /** Origin → version, as last named in a watch. */
  position: Map<string, number>;
}

export class NoStepBack {
  readonly #court: Court;
  readonly #views = new WeakMap<SeenClient, Map<string, Held>>();

  constructor(court: Court) {
    this.#court = court;
  }

  viewChanged(client: SeenViewHolder, { service, changes }: ViewChanged): void {
    const view = client.machine.view(service);
    if (view === undefined) return;
    const { records } = this.#held(client, service);
    for (const { instance } of changes) {
      for (const record of view.recordsOf(instance.id)) {
        const key = keyInView(record, view.region);
        const last = records.get(key);
        records.set(key, record);
        if (last === undefined || last === record || !isOlder(record, last)) continue;
        const text = `the view of ${client.id} went from ${recordText(last)} back to ${recordText(record)}`;
        this.#court.fail("S3", text);
      }
    }
  }

  requestSent(client: SeenClient, _node: unknown, message: SessionRequest): void {
    if (message.type !== "watch") return;
    const held = this.#held(client, message.service);
    const position = new Map<string, number>();
    for (const { origin, version } of message.position) {
      position.set(`${origin.nodeId}/${origin.generation}/${origin.scope}`, version);
    }
    for (const [origin, version] of held.position) {
      const named = position.get(origin) ?? 0;
      if (named >= version) continue;
      const text = `${client.id} watches ${message.service} from ${origin} v${named}, and had seen v${version}`;
      this.#court.fail("S3", text);
    }
    held.position = position;
  }

  asked(client: SeenClient, event: ClientEvent): void {
    if (event.type === "unwatch") this.#views.get(client)?.delete(event.service);
  }

  noted(process: SeenClient, { event, fields }: Note): void {
    if (event !== "client.view-diverged") return;
    const held = this.#views.get(process)?.get(String(fields["service"]));
    if (held !== undefined) held.position = new Map();
  }

  #held(client: SeenClient, service: string): Held {
    const views = this.#views.get(client) ?? new Map<string, Held>();
    this.#views.set(client, views);
    const held = views.get(service) ?? { records: new Map(), position: new Map() };
    views.set(service, held);
    return held;
  }
}

interface Note {
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

function isOlder(record: RegistryRecord, last: RegistryRecord): boolean {
  const order = orderOfStamps(record.stamp, last.stamp);
  if (order !== 0) return order < 0;
  if (isSameOrigin(record.origin, last.origin)) return record.version < last.version;
  return last.state === InstanceState.removed && record.state !== InstanceState.removed;
}
