/**
 * In which order processes began, and whether anybody inside could have told.
 *
 * A process begins, for the registry, when a node first welcomes it, and that node's hybrid clock
 * says when. Of two that began apart the clocks may say it wrongly: where the node of the later one
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

  welcomed(node: SeenNode, client: SeenClient, clock: number): void {
    if (this.#beginnings.has(client)) return;
    this.#count += 1;
    const heard = this.#heardBy(node);
    this.#beginnings.set(client, { order: this.#count, nodeId: node.id, clock, heard });
  }

  /** 0 for a process that never began. */
  orderOf(client: SeenClient): number {
    return this.#beginnings.get(client)?.order ?? 0;
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
