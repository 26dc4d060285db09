/**
 * The floor under a push: a WebSocket server that hands each stamped frame to all subscribers.
 *
 * It decides, keeps and encodes nothing, so what it takes is the machine's and Node's share: two
 * hops over loopback between three processes. Speaks just enough for the load process.
 */
import { EMPTY_DIGEST, type SessionMessage } from "@fpzk/core";
import { decodeSessionRequest, encodeSessionMessage } from "@fpzk/protocol";
import { type WebSocket, WebSocketServer } from "ws";
import { cpuNowMs } from "./clock.js";
import { serveHandlers } from "./remote.js";

/** First bytes of an encoded `change`, which the load process looks for. */
const CHANGE_HEAD = Buffer.from([0x94, 39]);
const STAMP_MARK = "@";
const TTL_MS = 3_000;

const subscribers: WebSocket[] = [];

let cpuStartMs = cpuNowMs();

const handlers = {
  /** Begins a new count. */
  reset(): void {
    cpuStartMs = cpuNowMs();
  },

  /** CPU time since then, in ms. */
  usage(): number {
    return cpuNowMs() - cpuStartMs;
  },

  /** Resolves with the address. */
  start(): Promise<string> {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
    server.on("connection", (ws, request) => {
      request.socket.setNoDelay(true);
      ws.on("message", (data: Buffer) => relay(ws, data));
    });
    return new Promise((resolve) => {
      server.on("listening", () => {
        const address = server.address();
        if (address === null || typeof address === "string") throw new Error("no TCP port");
        resolve(`127.0.0.1:${address.port}`);
      });
    });
  },
};

export type RelayHandlers = typeof handlers;

function relay(from: WebSocket, data: Buffer): void {
  if (data.includes(STAMP_MARK)) {
    const frame = Buffer.concat([CHANGE_HEAD, data]);
    for (const subscriber of subscribers) subscriber.send(frame);
    return;
  }
  const decoded = decodeSessionRequest(data);
  if (!decoded.ok) throw new Error(decoded.refusal.message);
  const { message } = decoded;
  if (message.type === "hello") {
    const timings = { heartbeatIntervalMs: TTL_MS / 3, ttlMs: TTL_MS, reconnectDelayMs: 0 };
    const node = {
      nodeId: "relay",
      generation: 1,
      region: "local",
      isReady: true,
      firstIncarnation: 0,
      knowsRouteSets: true,
      knowsAccusations: true,
    };
    answer(from, { type: "welcome", ...node, ...timings });
  }
  if (message.type === "watch") {
    subscribers.push(from);
    const { requestId, service } = message;
    const nothing = { groups: [], position: [], digest: EMPTY_DIGEST };
    const isAll = { kind: "full", isFinal: true } as const;
    answer(from, { type: "snapshot", requestId, service, ...isAll, ...nothing });
  }
}

function answer(to: WebSocket, message: SessionMessage): void {
  // The encoder's buffer is used again by the next message.
  to.send(encodeSessionMessage(message).slice());
}

serveHandlers(handlers);
