/**
 * Load in a process of its own: a pool of raw sessions, and what they do together.
 *
 * All times are taken here, on the monotonic clock that all processes of the machine share.
 */
import { decodeSessionMessage, encodeSessionRequest } from "@fpzk/protocol";
import { delay, sharedNowMicros, sharedNowMs } from "./clock.js";
import { maskedFrame } from "./frames.js";
import { itemOf, numberedItem, registerFrame } from "./instances.js";
import { Latencies, type LatencySummary, summaryOf } from "./latencies.js";
import { type FrameListener, RawSession } from "./raw-session.js";
import { serveHandlers } from "./remote.js";

const OPENING_COUNT_MAX = 100;
/** Heartbeats of a pool are spread over their interval in this many slices. */
const KEEP_ALIVE_SLICE_COUNT = 20;
/** Registrations whose frames are made at once: for as long no heartbeat is sent. */
const PREPARED_COUNT = 50_000;
const WAIT_TIMEOUT_MS = 120_000;
/** First bytes of an encoded `change`: an array of 4, type 39. */
const CHANGE_HEAD = [0x94, 39] as const;
/** An id that carries its time of sending: `@` and microseconds, 16 digits. */
const STAMP_MARK = "@".charCodeAt(0);
const STAMP_DIGIT_COUNT = 16;

const sessions: RawSession[] = [];
let latencies = new Latencies();
let markCount = 0;
let lastMarkMs = 0;
let receivedBytes = 0;

export interface RegisterLoad {
  /** Instances have the numbers from here on. */
  readonly firstIndex: number;
  readonly count: number;
  /** Instances in one message. */
  readonly batchCount: number;
  /** Messages of one session that wait for their answer. */
  readonly depth: number;
}

const handlers = {
  async open(options: {
    address: string;
    count: number;
    name: string;
    /** Heartbeats from the first session on: opening thousands takes longer than a ttl. */
    keepAliveMs?: number;
  }): Promise<void> {
    if (options.keepAliveMs !== undefined) {
      handlers.keepAlive({ intervalMs: options.keepAliveMs });
    }
    let nextIndex = 0;
    const openSome = async () => {
      while (nextIndex < options.count) {
        const clientId = `${options.name}-${nextIndex++}`;
        sessions.push(await RawSession.open({ address: options.address, clientId }));
      }
    };
    await Promise.all(Array.from({ length: OPENING_COUNT_MAX }, openSome));
  },

  /** Sends each session's heartbeat once an interval from now on, evenly spread. */
  keepAlive({ intervalMs }: { intervalMs: number }): void {
    let slice = 0;
    setInterval(() => {
      for (let index = slice; index < sessions.length; index += KEEP_ALIVE_SLICE_COUNT) {
        sessions[index]?.heartbeat();
      }
      slice = (slice + 1) % KEEP_ALIVE_SLICE_COUNT;
    }, intervalMs / KEEP_ALIVE_SLICE_COUNT).unref();
  },

  /** Each session always has `depth` heartbeats on their way; resolves with how many were answered. */
  async heartbeats(options: { durationMs: number; depth: number }): Promise<number> {
    const frame = maskedFrame(
      encodeSessionRequest({ type: "heartbeat", sequence: 70_000, wantsDigests: false }),
    );
    const frames = Array.from({ length: options.depth + 1 }, (_, count) =>
      Buffer.concat(Array.from({ length: count }, () => frame)),
    );
    let answerCount = 0;
    let isOver = false;
    for (const session of sessions) {
      let pendingCount = 0;
      session.onFrame = () => {
        answerCount += 1;
        pendingCount += 1;
        if (pendingCount < options.depth || isOver) return;
        pendingCount = 0;
        session.write(frames[options.depth] as Buffer);
      };
      session.write(frames[options.depth] as Buffer);
    }
    await delay(options.durationMs);
    isOver = true;
    return answerCount;
  },

  /** Registers new instances, spread over all sessions; resolves with the ms that sending took. */
  async register(load: RegisterLoad): Promise<number> {
    let elapsedMs = 0;
    for (let at = 0; at < load.count; at += PREPARED_COUNT) {
      const count = Math.min(PREPARED_COUNT, load.count - at);
      const queues = prepare({ ...load, firstIndex: load.firstIndex + at, count });
      const startMs = sharedNowMs();
      await Promise.all(
        sessions.map((session, index) => sendAll(session, queues[index], load.depth)),
      );
      elapsedMs += sharedNowMs() - startMs;
    }
    return elapsedMs;
  },

  /** Registers instances of one service at once, one session each; resolves with the start. */
  async burst({ service, mark }: { service: string; mark: string }): Promise<number> {
    const frames = sessions.map((_, index) =>
      registerFrame(1, [itemOf(service, `${mark}${String(index).padStart(6, "0")}`)]),
    );
    const startMs = sharedNowMs();
    await Promise.all(sessions.map((session, index) => sendAll(session, [frames[index]], 1)));
    return startMs;
  },

  /** Every session watches; whatever id carries a time of sending is timed at its arrival. */
  async watchStamped({ service }: { service: string }): Promise<void> {
    const lastSent = new Map<RawSession, number>();
    await watchAll(service, (payload, session) => {
      if (payload[0] !== CHANGE_HEAD[0] || payload[1] !== CHANGE_HEAD[1]) return;
      const nowMs = sharedNowMs();
      let last = lastSent.get(session) ?? 0;
      for (
        let at = payload.indexOf(STAMP_MARK);
        at >= 0;
        at = payload.indexOf(STAMP_MARK, at + 1)
      ) {
        const sentMicros = Number(payload.toString("latin1", at + 1, at + 1 + STAMP_DIGIT_COUNT));
        // A removal carries the id of its registration, which was seen before.
        if (!(sentMicros > last)) continue;
        last = sentMicros;
        latencies.record(nowMs - sentMicros / 1_000);
      }
      lastSent.set(session, last);
    });
  },

  /** Every session watches; ids with a mark are counted. */
  async watchMarked({ service, mark }: { service: string; mark: string }): Promise<void> {
    markCount = 0;
    receivedBytes = 0;
    await watchAll(service, (payload) => {
      receivedBytes += payload.length;
      for (let at = payload.indexOf(mark); at >= 0; at = payload.indexOf(mark, at + 1)) {
        markCount += 1;
      }
      lastMarkMs = sharedNowMs();
    });
  },

  /** Resolves when so many marked ids have come, with the time of the last. */
  async marked({ count }: { count: number }): Promise<{ lastMs: number; receivedBytes: number }> {
    await waitUntil(
      () => markCount >= count,
      `${count} marked ids, not`,
      () => markCount,
    );
    return { lastMs: lastMarkMs, receivedBytes };
  },

  /** One session registers one instance each interval and removes it half an interval later. */
  async registerStamped(options: {
    service: string;
    count: number;
    intervalMs: number;
  }): Promise<void> {
    const session = sessions[0] as RawSession;
    const { service } = options;
    for (let round = 0; round < options.count; round += 1) {
      const micros = String(sharedNowMicros()).padStart(STAMP_DIGIT_COUNT, "0");
      const id = `@${micros}`;
      session.send({ type: "register", requestId: 1, items: [itemOf(service, id)] });
      await delay(options.intervalMs / 2);
      session.send({ type: "deregister", requestId: 2, service, id, reason: 1 });
      await delay(options.intervalMs / 2);
    }
  },

  /** Resolves when so many latencies were taken, or after a while with fewer. */
  async latencies({ count }: { count: number }): Promise<LatencySummary> {
    await waitUntil(
      () => latencies.count >= count,
      `${count} latencies, not`,
      () => latencies.count,
    );
    const summary = summaryOf(latencies);
    latencies = new Latencies();
    return summary;
  },

  /** The first session registers one instance. */
  async registerOne({ service, id }: { service: string; id: string }): Promise<void> {
    await sendAll(sessions[0] as RawSession, [registerFrame(1, [itemOf(service, id)])], 1);
  },
};

/** The frames of each session, made before time is taken. */
function prepare(load: RegisterLoad): Buffer[][] {
  const queues: Buffer[][] = sessions.map(() => []);
  for (let at = 0, turn = 0; at < load.count; at += load.batchCount, turn += 1) {
    const count = Math.min(load.batchCount, load.count - at);
    const items = Array.from({ length: count }, (_, index) =>
      numberedItem(load.firstIndex + at + index),
    );
    queues[turn % queues.length]?.push(registerFrame(turn + 1, items));
  }
  return queues;
}

export type LoadHandlers = typeof handlers;

/** Sends frames with at most `depth` unanswered; every answer must be `registered`. */
function sendAll(
  session: RawSession,
  frames: readonly (Buffer | undefined)[] = [],
  depth: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let sentCount = 0;
    let answeredCount = 0;
    const sendNext = () => {
      const frame = frames[sentCount];
      if (frame === undefined) return;
      sentCount += 1;
      session.write(frame);
    };
    if (frames.length === 0) return resolve();
    session.onClose = () => reject(new Error(`the session was closed: ${session.closeReason}`));
    session.onFrame = (payload) => {
      if (!isRegistered(payload)) return;
      answeredCount += 1;
      if (answeredCount === 1) checkAccepted(payload, reject);
      if (answeredCount === frames.length) return resolve();
      sendNext();
    };
    for (let index = 0; index < depth; index += 1) sendNext();
  });
}

/** An array of 3 with type 34: cheaper to see than to decode. */
function isRegistered(payload: Buffer): boolean {
  return payload[0] === 0x93 && payload[1] === 34;
}

function checkAccepted(payload: Buffer, reject: (error: Error) => void): void {
  const decoded = decodeSessionMessage(payload);
  if (!decoded.ok) return reject(new Error(decoded.refusal.message));
  const { message } = decoded;
  if (message.type !== "registered") return;
  const refused = message.items.find((item) => item.code !== undefined);
  if (refused !== undefined) reject(new Error(refused.message));
}

/** Resolves when every session has its whole first snapshot; then frames go to the listener. */
async function watchAll(service: string, listener: FrameListener): Promise<void> {
  await Promise.all(
    sessions.map(
      (session) =>
        new Promise<void>((resolve) => {
          session.onFrame = (payload) => {
            const decoded = decodeSessionMessage(payload);
            if (!decoded.ok || decoded.message.type !== "snapshot") return;
            if (!decoded.message.isFinal) return;
            session.onFrame = listener;
            resolve();
          };
          session.watch(service);
        }),
    ),
  );
}

async function waitUntil(isDone: () => boolean, what: string, state: () => unknown): Promise<void> {
  const endMs = sharedNowMs() + WAIT_TIMEOUT_MS;
  while (!isDone()) {
    if (sharedNowMs() > endMs) {
      throw new Error(`within ${WAIT_TIMEOUT_MS} ms there must be ${what} ${state()}`);
    }
    await delay(2);
  }
}

serveHandlers(handlers);
