/**
 * One way of one connection, as TCP makes it: in order, with a delay, and with bounded room on both
 * ends.
 *
 * What cannot go out waits here: while the way is cut, while the line is slower than the sender,
 * and while the receiver does not read and its system has no more room. What waits beyond the
 * sending system's own room is the sender's queue, which the sender has to watch.
 */
import { type Random, randomBelow } from "@fpzk/core";
import type { Flight, Network } from "./network.js";
import { CLEAR, type Weather } from "./weather.js";

/** How long what could not be sent waits at first, and at most, before it is sent again. */
const RESEND_MIN_MS = 200;
const RESEND_MAX_MS = 1_600;
const REORDER_MAX_MS = 50;
const DUPLICATE_MAX_MS = 100;
/** What a message costs on the line beside its bytes. */
const FRAME_HEAD_BYTES = 8;
const NO_BYTES = new Uint8Array(0);

export interface StreamOptions {
  readonly from: string;
  readonly to: string;
  readonly carries: Flight["carries"];
  readonly random: Random;
  /** Whether who receives takes what comes; when it does again, {@link Stream.resume} is called. */
  readonly isRead: () => boolean;
  /** Bytes are read. */
  readonly deliver: (bytes: Uint8Array) => void;
  /** Something that waited went out. */
  readonly onFlushed: () => void;
}

/** What is sent: bytes, or a word of the connection itself. */
interface Parcel {
  readonly bytes: Uint8Array;
  readonly byteCount: number;
  /** What happens when the word is read; undefined for bytes. */
  readonly word: (() => void) | undefined;
  readonly isLossy: boolean;
}

export class Stream {
  readonly #network: Network;
  readonly #options: StreamOptions;
  /** Not yet on the line, the oldest first. */
  #waiting: Parcel[] = [];
  #waitingBytes = 0;
  /** Arrived and not yet read, the oldest first. */
  #unread: Parcel[] = [];
  /** On the line or arrived, and not yet read. */
  #unreadBytes = 0;
  /** When the last message on it arrives: order is kept. */
  #lastArrival = 0;
  /** When the line can take the next message. */
  #lineFreeAt = 0;
  #isPumpPlanned = false;
  #isClosed = false;
  // What the network says of this way, and as of when.
  #epoch = -1;
  #isCut = false;
  #delayMs = 0;
  #weather: Weather = CLEAR;

  constructor(network: Network, options: StreamOptions) {
    this.#network = network;
    this.#options = options;
  }

  /** Bytes that wait in the sending process: what its system has no room for. */
  get queuedBytes(): number {
    return Math.max(0, this.#waitingBytes - this.#network.options.windowBytes);
  }

  send(bytes: Uint8Array, isLossy: boolean): void {
    this.#send({ bytes, byteCount: bytes.length + FRAME_HEAD_BYTES, word: undefined, isLossy });
  }

  /** Sends a word of the connection itself, such as its end. */
  say(word: () => void): void {
    this.#send({ bytes: NO_BYTES, byteCount: FRAME_HEAD_BYTES, word, isLossy: false });
  }

  #send(parcel: Parcel): void {
    if (this.#isClosed) return;
    this.#look();
    if (this.#waiting.length === 0 && this.#canCarry(this.#network.options.now())) {
      this.#carry(parcel);
      return;
    }
    this.#waiting.push(parcel);
    this.#waitingBytes += parcel.byteCount;
    if (!this.#isPumpPlanned) this.#pump(RESEND_MIN_MS);
  }

  /** Who receives reads again. */
  resume(): void {
    const unread = this.#unread;
    this.#unread = [];
    for (const [index, parcel] of unread.entries()) {
      if (!this.#options.isRead()) {
        this.#unread.push(...unread.slice(index));
        return;
      }
      this.#read(parcel);
    }
    if (this.#waiting.length > 0 && !this.#isPumpPlanned) this.#pump(RESEND_MIN_MS);
  }

  /** Forgets what waits and what is under way: nothing arrives any more. */
  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
    this.#unread = [];
    this.#waitingBytes = 0;
  }

  /** Sends what waits, as far as the way lets it. */
  #pump(resendMs: number): void {
    this.#isPumpPlanned = false;
    const now = this.#network.options.now();
    this.#look();
    let sentCount = 0;
    for (const parcel of this.#waiting) {
      if (!this.#canCarry(now)) break;
      sentCount += 1;
      this.#waitingBytes -= parcel.byteCount;
      this.#carry(parcel);
    }
    if (sentCount > 0) {
      this.#waiting.splice(0, sentCount);
      this.#options.onFlushed();
    }
    if (this.#waiting.length === 0) return;
    if (this.#isCut) {
      this.#planPump(now + resendMs, Math.min(RESEND_MAX_MS, resendMs * 2));
    } else if (this.#lineFreeAt > now) {
      this.#planPump(this.#lineFreeAt, RESEND_MIN_MS);
    }
    // Else the receiver has no room: it calls when it has.
  }

  #planPump(at: number, resendMs: number): void {
    this.#isPumpPlanned = true;
    this.#network.options.queue.add(at, () => {
      if (!this.#isClosed) this.#pump(resendMs);
    });
  }

  #canCarry(now: number): boolean {
    return (
      !this.#isCut &&
      this.#lineFreeAt <= now &&
      this.#unreadBytes < this.#network.options.windowBytes
    );
  }

  /** Asks the network what this way is like now. */
  #look(): void {
    if (this.#epoch === this.#network.epoch) return;
    const { from, to } = this.#options;
    this.#epoch = this.#network.epoch;
    this.#isCut = this.#network.isCut(from, to);
    this.#delayMs = this.#network.delayMs(from, to);
    this.#weather = this.#network.weatherOf(from, to);
  }

  #carry(parcel: Parcel): void {
    const { now, queue } = this.#network.options;
    const { random } = this.#options;
    const weather = this.#weather;
    const sentAt = now();
    this.#lineFreeAt = sentAt + parcel.byteCount / weather.bytesPerMs;
    let at = this.#lineFreeAt + this.#delayMs;
    if (weather !== CLEAR) {
      at += weather.delayMs + weather.jitterMs * random.next();
      if (parcel.isLossy && random.next() < weather.lossRatio) {
        this.#tell(parcel, sentAt, undefined);
        return;
      }
      if (parcel.isLossy && random.next() < weather.reorderRatio) {
        at += randomBelow(random, REORDER_MAX_MS);
        this.#tell(parcel, sentAt, at);
        this.#unreadBytes += parcel.byteCount;
        queue.add(at, this.#arrive, parcel);
        return;
      }
    }
    this.#lastArrival = Math.max(at, this.#lastArrival);
    this.#tell(parcel, sentAt, this.#lastArrival);
    this.#unreadBytes += parcel.byteCount;
    queue.add(this.#lastArrival, this.#arrive, parcel);
    if (parcel.isLossy && weather !== CLEAR && random.next() < weather.duplicateRatio) {
      const again = this.#lastArrival + randomBelow(random, DUPLICATE_MAX_MS);
      this.#unreadBytes += parcel.byteCount;
      queue.add(again, this.#arrive, parcel);
    }
  }

  /** Made once, not for each message. */
  readonly #arrive = (parcel: Parcel) => {
    if (this.#isClosed) return;
    if (this.#unread.length > 0 || !this.#options.isRead()) this.#unread.push(parcel);
    else this.#read(parcel);
  };

  #read(parcel: Parcel): void {
    this.#unreadBytes -= parcel.byteCount;
    if (parcel.word === undefined) this.#options.deliver(parcel.bytes);
    else parcel.word();
    const isRoomNew = this.#waiting.length > 0 && !this.#isPumpPlanned;
    if (isRoomNew) this.#pump(RESEND_MIN_MS);
  }

  #tell({ bytes }: Parcel, sentAt: number, arrivesAt: number | undefined): void {
    this.#network.trace(bytes, arrivesAt ?? sentAt);
    const { from, to, carries } = this.#options;
    this.#network.onFlight?.({ from, to, carries, bytes, sentAt, arrivesAt });
  }
}
