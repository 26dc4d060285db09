/**
 * In which order processes began, and whether anybody inside could have told.
 *
 * A process begins, for the registry, with the first welcome that it hears, at the time that the
 * hybrid clock of its node said then. One that was sent and never heard begins nothing: a process
 * that reads nothing may be sent several, over minutes. Of two that began apart the clocks may say it wrongly: where the node of the later one
 * had, in its life, heard of nothing as high as the earlier one's beginning. Oracles excuse that and
 * print both numbers; whoever had heard as much has no excuse.
 */
import { HLC_COUNTER_SPAN, RecordKind, type RegistryRecord } from "@fpzk/core";
import type { SeenClient, SeenNode } from "./seen.js";

/** Clocks may run so much too slow. */
const SLOW_RATE = 0.95;

interface Beginning {
  readonly order: number;
  readonly nodeId: string;
  /** What the node said. */
  readonly clock: number;
  /** The most that it could have said, after all that it had heard. */
  readonly heard: number;
}

export class Beginnings {
  readonly #now: () => number;
  /** Per life of a node: the furthest clock that it heard of, and when. */
  readonly #heard = new WeakMap<SeenNode, { readonly clock: number; readonly at: number }>();
  /** What was sent to those that have heard none yet: node id → its last welcome. */
  readonly #welcomes = new WeakMap<SeenClient, Map<string, Beginning>>();
  readonly #beginnings = new WeakMap<SeenClient, Beginning>();
  #count = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** A node wrote or took a record. */
  stored(node: SeenNode, { kind, since, stamp }: RegistryRecord): void {
    const isClock = kind === RecordKind.instance || kind === RecordKind.override;
    const clock = isClock ? Math.max(since, stamp.incarnation) : since;
    if (clock > this.#heardBy(node)) this.#heard.set(node, { clock, at: this.#now() });
  }

  /** A node sent a welcome. */
  welcomed(node: SeenNode, client: SeenClient, clock: number): void {
    if (this.#beginnings.has(client)) return;
    this.#count += 1;
    const heard = this.#heardBy(node);
    const welcomes = this.#welcomes.get(client) ?? new Map<string, Beginning>();
    this.#welcomes.set(client, welcomes);
    welcomes.set(node.id, { order: this.#count, nodeId: node.id, clock, heard });
  }

  /** A process heard a node's last welcome. */
  online(client: SeenClient, nodeId: string): void {
    const welcome = this.#welcomes.get(client)?.get(nodeId);
    if (welcome === undefined || this.#beginnings.has(client)) return;
    this.#beginnings.set(client, welcome);
    this.#welcomes.delete(client);
  }

  /** 0 for a process that has not begun. */
  orderOf(client: SeenClient): number {
    return this.#beginnings.get(client)?.order ?? 0;
  }

  /** By what its registrations are known as its own; undefined for a process that has not begun. */
  clockOf(client: SeenClient): number | undefined {
    return this.#beginnings.get(client)?.clock;
  }

  /** Why nobody could tell that `later` began after `earlier`; undefined when somebody could. */
  excuseOf(later: SeenClient, earlier: SeenClient): string | undefined {
    const a = this.#beginnings.get(later);
    const b = this.#beginnings.get(earlier);
    if (a === undefined || b === undefined || a.order <= b.order) return undefined;
    if (a.clock > b.clock || a.heard >= b.clock) return undefined;
    return (
      `${later.id} began at ${a.clock} by the clock of ${a.nodeId}, which had heard of nothing ` +
      `above ${Math.floor(a.heard)}, and ${earlier.id} before it at ${b.clock} by that of ${b.nodeId}`
    );
  }

  #heardBy(node: SeenNode): number {
    const heard = this.#heard.get(node);
    if (heard === undefined) return 0;
    return heard.clock + SLOW_RATE * HLC_COUNTER_SPAN * (this.#now() - heard.at);
  }
}
