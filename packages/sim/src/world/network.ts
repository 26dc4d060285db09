/**
 * A simulated network between named hosts, with connections that behave like TCP.
 *
 * A {@link Stream} delivers in order with a delay. Faults cut hosts from each other, both ways or
 * one way: what is sent waits and is sent again later, as TCP does, and nobody is told; a cut that
 * lasts is noticed only by silence, as in life. Streams that are marked lossy (between peers) may
 * also lose, duplicate and reorder messages, which TCP never does: the replication must bear it.
 */
import { type Random, randomBelow } from "@fpzk/core";
import type { EventQueue } from "./event-queue.js";

export interface NetworkFaults {
  /** Share of messages of lossy streams that are lost, 0 to 1. */
  lossRatio: number;
  duplicateRatio: number;
  reorderRatio: number;
  jitterMs: number;
}

/** How long what could not be sent waits at first, and at most, before it is sent again. */
const RESEND_MIN_MS = 200;
const RESEND_MAX_MS = 1_600;
const REORDER_MAX_MS = 50;
const DUPLICATE_MAX_MS = 100;
const NO_BYTES = new Uint8Array(0);

/** A message on its way, for those who look. */
export interface Flight {
  readonly from: string;
  readonly to: string;
  /** Between nodes, from a client to its node, or from a node to its client. */
  readonly carries: "peer" | "request" | "answer";
  readonly bytes: Uint8Array;
  readonly sentAt: number;
  /** Undefined when it is lost on the way. */
  readonly arrivesAt: number | undefined;
}

export class Network {
  readonly #queue: EventQueue;
  readonly #random: Random;
  readonly #now: () => number;
  readonly #delayMs: (from: string, to: string) => number;
  /** `from>to` pairs over which nothing arrives. */
  readonly #cuts = new Set<string>();
  /** `from>to` pairs that were cut once: until when. */
  readonly #cutUntil = new Map<string, number>();
  readonly faults: NetworkFaults = {
    lossRatio: 0,
    duplicateRatio: 0,
    reorderRatio: 0,
    jitterMs: 0,
  };
  /** Told of every message that goes on its way. */
  onFlight: ((flight: Flight) => void) | undefined;

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

  /** Ends a cut of one way. */
  mend(from: string, to: string): void {
    const pair = `${from}>${to}`;
    if (this.#cuts.delete(pair)) this.#cutUntil.set(pair, this.#now());
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
    for (const pair of this.#cuts) this.#cutUntil.set(pair, this.#now());
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

  /** Since when both ways between two hosts are open; Infinity while one is cut. */
  openSince(a: string, b: string): number {
    if (!this.isReachable(a, b)) return Number.POSITIVE_INFINITY;
    return Math.max(this.#cutUntil.get(`${a}>${b}`) ?? 0, this.#cutUntil.get(`${b}>${a}`) ?? 0);
  }

  delayMs(from: string, to: string): number {
    return this.#delayMs(from, to);
  }

  /** One direction of a new connection. */
  stream(path: StreamPath): Stream {
    return new Stream(path, {
      network: this,
      queue: this.#queue,
      random: this.#random,
      now: this.#now,
    });
  }
}

interface StreamPath {
  readonly from: string;
  readonly to: string;
  readonly isLossy: boolean;
  readonly carries: Flight["carries"];
}

/** What is sent: its bytes, and what happens when it arrives. */
interface Parcel {
  readonly bytes: Uint8Array;
  readonly deliver: () => void;
}

interface StreamParts {
  readonly network: Network;
  readonly queue: EventQueue;
  readonly random: Random;
  readonly now: () => number;
}

/** One direction of one connection. */
export class Stream {
  readonly #path: StreamPath;
  readonly #parts: StreamParts;
  /** When the last message on it arrives: order is kept. */
  #lastArrival = 0;
  /** What could not be sent, the oldest first. */
  #backlog: Parcel[] = [];

  constructor(path: StreamPath, parts: StreamParts) {
    this.#path = path;
    this.#parts = parts;
  }

  /** No bytes: the end of the connection, which travels as a message does. */
  send(deliver: () => void, bytes: Uint8Array = NO_BYTES): void {
    const { network } = this.#parts;
    const parcel = { bytes, deliver };
    if (this.#backlog.length === 0 && !network.isCut(this.#path.from, this.#path.to)) {
      this.#carry(parcel);
      return;
    }
    this.#backlog.push(parcel);
    if (this.#backlog.length === 1) this.#resendIn(RESEND_MIN_MS);
  }

  #resendIn(delayMs: number): void {
    const { queue, now, network } = this.#parts;
    queue.add(now() + delayMs, () => {
      if (network.isCut(this.#path.from, this.#path.to)) {
        this.#resendIn(Math.min(RESEND_MAX_MS, delayMs * 2));
        return;
      }
      const waiting = this.#backlog;
      this.#backlog = [];
      for (const parcel of waiting) this.#carry(parcel);
    });
  }

  #carry({ bytes, deliver }: Parcel): void {
    const { network, random, queue, now } = this.#parts;
    const { faults } = network;
    const { from, to, isLossy, carries } = this.#path;
    const tell = (arrivesAt: number | undefined) =>
      network.onFlight?.({ from, to, carries, bytes, sentAt: now(), arrivesAt });
    const at = now() + network.delayMs(from, to) + faults.jitterMs * random.next();
    if (isLossy && random.next() < faults.lossRatio) return tell(undefined);
    if (isLossy && random.next() < faults.reorderRatio) {
      const lateAt = at + randomBelow(random, REORDER_MAX_MS);
      queue.add(lateAt, deliver);
      return tell(lateAt);
    }
    this.#lastArrival = Math.max(at, this.#lastArrival);
    tell(this.#lastArrival);
    queue.add(this.#lastArrival, deliver);
    if (isLossy && random.next() < faults.duplicateRatio) {
      queue.add(this.#lastArrival + randomBelow(random, DUPLICATE_MAX_MS), deliver);
    }
  }
}
