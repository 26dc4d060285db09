/**
 * One direction of one connection: what comes in goes out in order, a delay later.
 *
 * The queue holds what is on the way and is bounded: above the bound the source is not read, so
 * that a sender feels the far end's slowness as it would through a long cable. The bound must be
 * larger than bandwidth × delay for the wire not to limit throughput.
 */
import type { Socket } from "node:net";

export interface WirePipeOptions {
  readonly source: Socket;
  readonly sink: Socket;
  /** Called for each piece: how long it takes, in ms. */
  readonly delayMs: () => number;
  readonly queueMaxBytes: number;
  readonly onDelivered: (sizeBytes: number) => void;
}

type Item =
  | { readonly type: "bytes"; readonly dueMs: number; readonly bytes: Buffer }
  | { readonly type: "end" | "reset"; readonly dueMs: number };

export class WirePipe {
  readonly #options: WirePipeOptions;
  readonly #queue: Item[] = [];
  #queuedBytes = 0;
  #lastDueMs = 0;
  #isHeld: boolean;
  #isSinkFull = false;
  #isOver = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: WirePipeOptions, isHeld: boolean) {
    this.#options = options;
    this.#isHeld = isHeld;
    const { source, sink } = options;
    source.on("data", (bytes: Buffer) => this.#accept(bytes));
    source.on("end", () => this.#push({ type: "end", dueMs: this.#dueMs() }));
    source.on("close", (hadError) => {
      if (hadError || !source.readableEnded) this.#push({ type: "reset", dueMs: this.#dueMs() });
    });
    sink.on("drain", () => {
      this.#isSinkFull = false;
      this.#deliver();
    });
  }

  /** Bytes on the way. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** While held nothing goes out; what was accepted is kept. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    if (!isHeld) this.#deliver();
  }

  /** Drops what is on the way. */
  stop(): void {
    this.#isOver = true;
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    clearTimeout(this.#timer);
  }

  #accept(bytes: Buffer): void {
    if (this.#isOver) return;
    this.#queuedBytes += bytes.length;
    if (this.#queuedBytes > this.#options.queueMaxBytes) this.#options.source.pause();
    this.#push({ type: "bytes", dueMs: this.#dueMs(), bytes });
  }

  /** Never before what was accepted earlier: jitter does not reorder a stream. */
  #dueMs(): number {
    this.#lastDueMs = Math.max(this.#lastDueMs, performance.now() + this.#options.delayMs());
    return this.#lastDueMs;
  }

  #push(item: Item): void {
    if (this.#isOver) return;
    this.#queue.push(item);
    if (this.#queue.length === 1) this.#deliver();
  }

  #deliver(): void {
    clearTimeout(this.#timer);
    if (this.#isHeld || this.#isSinkFull || this.#isOver) return;
    let index = 0;
    const nowMs = performance.now();
    for (; index < this.#queue.length; index += 1) {
      const item = this.#queue[index];
      if (item === undefined || item.dueMs > nowMs || this.#isSinkFull) break;
      this.#emit(item);
      if (this.#isOver) return;
    }
    this.#queue.splice(0, index);
    const { source, queueMaxBytes } = this.#options;
    if (source.isPaused() && this.#queuedBytes <= queueMaxBytes / 2) source.resume();
    const next = this.#queue[0];
    if (next === undefined || this.#isSinkFull) return;
    this.#timer = setTimeout(() => this.#deliver(), Math.ceil(next.dueMs - nowMs));
  }

  #emit(item: Item): void {
    const { sink, onDelivered } = this.#options;
    if (item.type === "bytes") {
      this.#queuedBytes -= item.bytes.length;
      onDelivered(item.bytes.length);
      if (!sink.destroyed && !sink.write(item.bytes)) this.#isSinkFull = true;
    } else if (item.type === "end") sink.end();
    else {
      this.stop();
      if (!sink.destroyed) sink.resetAndDestroy();
    }
  }
}
