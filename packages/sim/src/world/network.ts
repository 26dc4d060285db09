/**
 * A simulated network between named hosts.
 *
 * It knows where hosts are, which ways are cut and what the weather is like on each way; a
 * {@link Stream} carries. A cut says nothing to anybody: what is sent waits and is sent again, as
 * TCP does, and only silence tells. Loss, duplication and reordering happen to messages between
 * peers alone, which TCP would never do to them: the replication must bear it.
 */
import { hashBytes, hashNumber } from "@fpzk/core";
import type { EventQueue } from "./event-queue.js";
import { Stream, type StreamOptions } from "./stream.js";
import { CLEAR, isHarsh, type Weather, worst } from "./weather.js";

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

/** Which ways something applies to: from one host to another. */
export type Ways = (from: string, to: string) => boolean;

interface Front {
  readonly ways: Ways;
  readonly weather: Partial<Weather>;
}

/** Cuts and harsh weather that are over. */
interface Past {
  readonly ways: Ways;
  readonly endedAt: number;
}

export interface NetworkOptions {
  readonly queue: EventQueue;
  readonly now: () => number;
  /** One way, between two regions. */
  readonly delayMs: (fromRegion: string, toRegion: string) => number;
  /** Bytes that the systems of both ends hold for one way of a connection. */
  readonly windowBytes: number;
}

export class Network {
  readonly options: NetworkOptions;
  readonly #regions = new Map<string, string>();
  /** Hosts that were elsewhere before: cables of the place that they left say nothing of these. */
  readonly #movedAt = new Map<string, number>();
  /** `from>to` of the cuts of single ways. */
  readonly #pairs = new Set<string>();
  readonly #cuts = new Set<Ways>();
  readonly #pastCuts: Past[] = [];
  readonly #pastFronts: Past[] = [];
  readonly #fronts = new Set<Front>();
  /** Rises whenever anything on any way changes: what streams remember of theirs is void then. */
  epoch = 0;
  /** Told of every message that goes on its way. */
  onFlight: ((flight: Flight) => void) | undefined;
  #traceHash = 0;

  constructor(options: NetworkOptions) {
    this.options = options;
  }

  // -- where hosts are ----------------------------------------------------------------------

  /** Puts a host into a region; one that was elsewhere moves. */
  place(host: string, region: string): void {
    const known = this.#regions.get(host);
    if (known === region) return;
    if (known !== undefined) this.#movedAt.set(host, this.options.now());
    this.#regions.set(host, region);
    this.epoch += 1;
  }

  regionOf(host: string): string {
    return this.#regions.get(host) ?? "";
  }

  hostsOf(region: string): string[] {
    return this.hosts.filter((host) => this.#regions.get(host) === region);
  }

  get hosts(): string[] {
    return [...this.#regions.keys()];
  }

  delayMs(from: string, to: string): number {
    return this.options.delayMs(this.regionOf(from), this.regionOf(to));
  }

  // -- cuts ---------------------------------------------------------------------------------

  /** Cuts one way. */
  cut(from: string, to: string): void {
    this.#pairs.add(`${from}>${to}`);
    this.epoch += 1;
  }

  /** Ends a {@link cut} of one way. */
  mend(from: string, to: string): void {
    if (!this.#pairs.delete(`${from}>${to}`)) return;
    this.#pastCuts.push({ ways: (a, b) => a === from && b === to, endedAt: this.options.now() });
    this.epoch += 1;
  }

  /** Cuts many ways, also those of hosts that come later. Returns how to end it. */
  cutWays(ways: Ways): () => void {
    this.#cuts.add(ways);
    this.epoch += 1;
    return () => {
      if (!this.#cuts.delete(ways)) return;
      this.#pastCuts.push({ ways, endedAt: this.options.now() });
      this.epoch += 1;
    };
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

  /** Ends all cuts. */
  heal(): void {
    const endedAt = this.options.now();
    for (const pair of this.#pairs) {
      this.#pastCuts.push({ ways: (from, to) => `${from}>${to}` === pair, endedAt });
    }
    for (const ways of this.#cuts) this.#pastCuts.push({ ways, endedAt });
    this.#pairs.clear();
    this.#cuts.clear();
    this.epoch += 1;
  }

  isCut(from: string, to: string): boolean {
    if (this.#pairs.size > 0 && this.#pairs.has(`${from}>${to}`)) return true;
    for (const ways of this.#cuts) if (ways(from, to)) return true;
    return false;
  }

  /** Whether a connection can be made: both ways open. */
  isReachable(a: string, b: string): boolean {
    return !this.isCut(a, b) && !this.isCut(b, a);
  }

  /**
   * Since when both ways between two hosts are open, and not in harsh weather; Infinity while one
   * is not.
   */
  openSince(a: string, b: string): number {
    if (!this.isReachable(a, b)) return Number.POSITIVE_INFINITY;
    const isOver = (ways: Ways) => ways(a, b) || ways(b, a);
    for (const { ways, weather } of this.#fronts) {
      if (isHarsh(weather) && isOver(ways)) return Number.POSITIVE_INFINITY;
    }
    let since = Math.max(this.#movedAt.get(a) ?? 0, this.#movedAt.get(b) ?? 0);
    for (const past of [this.#pastCuts, this.#pastFronts]) {
      for (const { ways, endedAt } of past) if (endedAt > since && isOver(ways)) since = endedAt;
    }
    return since;
  }

  // -- weather ------------------------------------------------------------------------------

  /** Bad weather over some ways. Returns how to end it. */
  worsen(ways: Ways, weather: Partial<Weather>): () => void {
    const front = { ways, weather };
    this.#fronts.add(front);
    this.epoch += 1;
    return () => this.#pass(front);
  }

  clearWeather(): void {
    for (const front of [...this.#fronts]) this.#pass(front);
  }

  #pass(front: Front): void {
    if (!this.#fronts.delete(front)) return;
    const { ways, weather } = front;
    if (isHarsh(weather)) this.#pastFronts.push({ ways, endedAt: this.options.now() });
    this.epoch += 1;
  }

  weatherOf(from: string, to: string): Weather {
    let weather = CLEAR;
    for (const front of this.#fronts) {
      if (front.ways(from, to)) weather = worst(weather, front.weather);
    }
    return weather;
  }

  // -- carrying -----------------------------------------------------------------------------

  /** One way of a new connection. */
  stream(options: StreamOptions): Stream {
    return new Stream(this, options);
  }

  /** Takes a message into the trace. */
  trace(bytes: Uint8Array, at: number): void {
    this.#traceHash = hashBytes(bytes, hashNumber(Math.floor(at * 1024), this.#traceHash));
  }

  /** Of every byte that went over any way, and when. */
  get traceHash(): number {
    return this.#traceHash;
  }
}
