/**
 * A simulated network of byte messages between named hosts.
 *
 * Connections deliver in order with a delay; faults cut hosts from each other (both ways or one
 * way: what is sent is lost, nobody is told), drop, duplicate or reorder messages. A cut that lasts
 * is noticed only by silence, as in life.
 */
import { type Random, randomBelow } from "@fpzk/core";
import type { EventQueue } from "./event-queue.js";

export interface NetworkFaults {
  /** Share of messages lost, 0 to 1. Real connections lose none; the protocols must bear it. */
  lossRatio: number;
  duplicateRatio: number;
  reorderRatio: number;
  jitterMs: number;
}

export class Network {
  readonly #queue: EventQueue;
  readonly #random: Random;
  readonly #now: () => number;
  readonly #delayMs: (from: string, to: string) => number;
  /** `from>to` pairs over which nothing arrives. */
  readonly #cuts = new Set<string>();
  readonly faults: NetworkFaults = {
    lossRatio: 0,
    duplicateRatio: 0,
    reorderRatio: 0,
    jitterMs: 0,
  };

  constructor(options: {
    queue: EventQueue;
    random: Random;
    now: () => number;
    delayMs: (from: string, to: string) => number;
  }) {
    this.#queue = options.queue;
    this.#random = options.random;
    this.#now = options.now;
    this.#delayMs = options.delayMs;
  }

  cut(from: string, to: string): void {
    this.#cuts.add(`${from}>${to}`);
  }

  /** Cuts every pair of hosts across the border of a group, both ways. */
  isolate(group: readonly string[], others: readonly string[]): void {
    for (const a of group) {
      for (const b of others) {
        this.cut(a, b);
        this.cut(b, a);
      }
    }
  }

  heal(): void {
    this.#cuts.clear();
  }

  healFaults(): void {
    Object.assign(this.faults, { lossRatio: 0, duplicateRatio: 0, reorderRatio: 0, jitterMs: 0 });
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.has(`${from}>${to}`);
  }

  /** Whether a connection can be made: both ways open. */
  isReachable(a: string, b: string): boolean {
    return !this.isCut(a, b) && !this.isCut(b, a);
  }

  delayMs(from: string, to: string): number {
    return this.#delayMs(from, to);
  }

  /**
   * Delivers after the delay, not before `notBefore` (order of one connection); returns when.
   */
  send(path: { from: string; to: string; notBefore: number }, deliver: () => void): number {
    const { from, to } = path;
    if (this.isCut(from, to) || this.#random.next() < this.faults.lossRatio) return path.notBefore;
    const jitterMs = this.faults.jitterMs * this.#random.next();
    const isReordered = this.#random.next() < this.faults.reorderRatio;
    const at = this.#now() + this.#delayMs(from, to) + jitterMs;
    const arrival = isReordered ? at + randomBelow(this.#random, 50) : Math.max(at, path.notBefore);
    this.#queue.add(arrival, deliver);
    if (this.#random.next() < this.faults.duplicateRatio) {
      this.#queue.add(arrival + randomBelow(this.#random, 100), deliver);
    }
    return isReordered ? path.notBefore : arrival;
  }
}
