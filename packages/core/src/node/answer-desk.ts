/**
 * Sends the answers to watches and queries at the pace of their readers.
 *
 * A service may be larger than what a session's queue holds, and many small answers add up to the
 * same: sent in one go, they would end the session of a reader that is not slow at all (P10). So in
 * one turn a session is sent {@link ANSWER_TURN_MAX_BYTES}; the rest waits for the next turn, and
 * for a reader that is congested until it reads again.
 */
import { CLIENT_QUERY_COUNT_MAX, DELTA_MAX_BYTES, SESSION_WATCH_COUNT_MAX } from "../limits.js";
import type { SnapshotMessage } from "../messages.js";
import type { SnapshotAnswer, WatchRequest } from "../watch/snapshot-answer.js";
import { type ServiceName, serviceName, type WatchTable } from "../watch/watch-table.js";
import type { SessionKey } from "./events.js";

/** Bytes of answers for one session in one turn, in estimate; a part may go beyond. */
export const ANSWER_TURN_MAX_BYTES = DELTA_MAX_BYTES;

/** Answers that may wait for one session: of all its watches and queries. */
const WAITING_COUNT_MAX = SESSION_WATCH_COUNT_MAX + CLIENT_QUERY_COUNT_MAX;

export interface AnswerDeskOptions {
  readonly watches: WatchTable;
  readonly send: (session: SessionKey, part: SnapshotMessage) => void;
}

interface Waiting {
  readonly request: WatchRequest;
  readonly service: ServiceName;
  /** A watch's; a query is not ended by what becomes of watches. */
  readonly isWatch: boolean;
  /** Undefined until its first part is due. */
  answer: SnapshotAnswer | undefined;
}

interface Reader {
  waiting: Waiting[];
  turnByteCount: number;
}

export class AnswerDesk {
  readonly #options: AnswerDeskOptions;
  readonly #readers = new Map<SessionKey, Reader>();

  constructor(options: AnswerDeskOptions) {
    this.#options = options;
  }

  /** Whether something could be sent in another turn. */
  get hasMore(): boolean {
    for (const [session, { waiting }] of this.#readers) {
      if (waiting.length > 0 && !this.#options.watches.isCongested(session)) return true;
    }
    return false;
  }

  /**
   * Answers now what this turn has room for, and the rest later.
   *
   * @returns false when too many answers wait already.
   */
  add(session: SessionKey, request: WatchRequest, isWatch: boolean): boolean {
    const service = serviceName(request.namespace, request.service);
    // A watch that is asked for again is answered once.
    if (isWatch && request.requestId !== 0) this.cancel(session, service);
    const reader = this.#readers.get(session) ?? { waiting: [], turnByteCount: 0 };
    this.#readers.set(session, reader);
    if (reader.waiting.length >= WAITING_COUNT_MAX) return false;
    // One that has not begun makes up for all that was missed until then.
    const isCovered = (each: Waiting) =>
      each.isWatch && each.service === service && each.answer === undefined;
    if (isWatch && reader.waiting.some(isCovered)) return true;
    reader.waiting.push({ request, service, isWatch, answer: undefined });
    this.#send(session, reader);
    return true;
  }

  /** A new turn: everyone is sent some more. */
  turn(): void {
    for (const [session, reader] of this.#readers) {
      reader.turnByteCount = 0;
      this.#send(session, reader);
      if (reader.waiting.length === 0) this.#readers.delete(session);
    }
  }

  /** The watch of a service is over, or begun anew. */
  cancel(session: SessionKey, service: ServiceName): void {
    const reader = this.#readers.get(session);
    if (reader === undefined) return;
    const isOther = (each: Waiting) => !each.isWatch || each.service !== service;
    reader.waiting = reader.waiting.filter(isOther);
  }

  drop(session: SessionKey): void {
    this.#readers.delete(session);
  }

  #send(session: SessionKey, reader: Reader): void {
    const { watches, send } = this.#options;
    for (;;) {
      const [first] = reader.waiting;
      if (first === undefined || watches.isCongested(session)) return;
      if (reader.turnByteCount >= ANSWER_TURN_MAX_BYTES) return;
      if (first.answer === undefined && first.isWatch) watches.caughtUp(session, first.service);
      first.answer ??= watches.begin(first.request);
      const before = first.answer.byteCount;
      const part = first.answer.next();
      reader.turnByteCount += first.answer.byteCount - before;
      if (part.isFinal) reader.waiting.shift();
      send(session, part);
    }
  }
}
