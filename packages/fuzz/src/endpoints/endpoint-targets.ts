/**
 * The public endpoints of a real process: sessions, peers with and without the secret, and the
 * port's first bytes. An input is what one connection sends; the server must live, keep its event
 * loop free, and not grow.
 */
import { once } from "node:events";
import { connect } from "node:net";
import type { Random } from "@fpzk/core";
import { encodePeerMessage, encodeSessionRequest } from "@fpzk/protocol";
import fc from "fast-check";
import * as arbitraries from "../../../protocol/dist/arbitraries.fixture.js";
import { HANG_MS } from "../engine/judge.js";
import { Tape } from "../engine/tape.js";
import { type Target, Violation } from "../engine/target.js";
import { framed, openSocket, sendFrames } from "./frames.js";
import { createDialer, linkedPeer } from "./linked-peer.js";
import { SECRET, ServedProcess } from "./served-process.js";

/** Inputs between two looks at the server. */
const CHECK_INTERVAL_COUNT = 25;
const CONFIRM_COUNT = 3;
const SEED_COUNT = 40;
const ATTACK_MAX_BYTES = 32 * 1024;
const SOCKET_TIMEOUT_MS = 200;

type Attack = (served: ServedProcess, input: Uint8Array) => Promise<void>;

/** What all targets of a process share. */
function endpoint(
  target: Pick<Target, "name" | "seeds"> & Partial<Target>,
  args: readonly string[],
  attack: Attack,
): Target {
  let server: ServedProcess | undefined;
  let cpuMs = 0;
  let inputCount = 0;

  /** Whether the loop was kept, by work and not by other programs on this machine. */
  const look = async (served: ServedProcess, input: Uint8Array): Promise<void> => {
    const vitals = await served.vitals();
    served.assertSize(vitals);
    const spentMs = vitals.cpuMs - cpuMs;
    cpuMs = vitals.cpuMs;
    if (vitals.loopDelayMs <= HANG_MS || spentMs <= HANG_MS) return;
    for (let count = 0; count < CONFIRM_COUNT; count += 1) {
      await served.vitals();
      await attack(served, input);
      const again = await served.vitals();
      cpuMs = again.cpuMs;
      if (again.loopDelayMs <= HANG_MS) return;
    }
    throw new Violation(`the event loop was kept for ${Math.round(vitals.loopDelayMs)} ms`);
  };

  return {
    form: "bytes",
    maxBytes: ATTACK_MAX_BYTES,
    ...target,
    start: async () => {
      server = await ServedProcess.start(args);
      cpuMs = (await server.vitals()).cpuMs;
    },
    end: async () => {
      await server?.end();
      server = undefined;
    },
    run: async (input) => {
      if (server === undefined) throw new Error("the target was not started");
      await attack(server, input);
      server.assertRuns();
      inputCount += 1;
      if (inputCount % CHECK_INTERVAL_COUNT === 0) await look(server, input);
    },
  };
}

function sample<T>(arbitrary: fc.Arbitrary<T>, random: Random): T[] {
  const seed = Math.floor(random.next() * 2 ** 31);
  return fc.sample(arbitrary, { numRuns: SEED_COUNT, seed });
}

const HELLO = encodeSessionRequest({
  type: "hello",
  protocolVersion: 1,
  namespace: "default",
  token: "",
  clientId: "c",
  sessionNumber: 1,
  region: "eu",
  zone: "",
  agent: "",
}).slice();

const session = endpoint(
  {
    name: "session-endpoint",
    seeds: (random) =>
      sample(fc.array(arbitraries.sessionRequest, { maxLength: 6 }), random).map((requests) =>
        framed([HELLO, ...requests.map((request) => encodeSessionRequest(request).slice())]),
      ),
  },
  [],
  async (served, input) => {
    const ws = await openSocket(served, "/v1/session");
    if (ws !== undefined) await sendFrames(ws, input);
  },
);

const peer = endpoint(
  {
    name: "peer-endpoint",
    seeds: (random) =>
      sample(fc.array(arbitraries.peerMessage, { maxLength: 5 }), random).map((messages) =>
        framed(messages.map((message) => encodePeerMessage(message).slice())),
      ),
  },
  ["--cluster-secret", SECRET],
  async (served, input) => {
    const ws = await linkedPeer(served);
    served.assertRuns();
    if (ws === undefined) throw new Error("no link could be opened to the server");
    await sendFrames(ws, input);
  },
);

const stranger = endpoint(
  {
    name: "peer-stranger",
    seeds: () => [framed(createDialer("stranger", undefined).start().send)],
  },
  ["--cluster-secret", SECRET],
  async (served, input) => {
    const ws = await openSocket(served, "/v1/peer");
    if (ws !== undefined) await sendFrames(ws, input);
  },
);

const PUT_BODY = '{"endpoints":[{"host":"a","port":80}]}';
const REQUESTS = [
  "GET /v1/nodes HTTP/1.1\r\nHost: a\r\n\r\n",
  "PUT /v1/services/cart/instances/1 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" +
    `Content-Length: ${PUT_BODY.length}\r\n\r\n${PUT_BODY}`,
  "GET /v1/session HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" +
    "\u0082\u0080\u0000\u0000\u0000\u0000",
  "POST /v1/services/a/instances/b/renew HTTP/1.1\r\nHost: a\r\n" +
    "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "\u0016\u0003\u0001\u0000\u0005\u0001\u0000\u0000\u0001\u0003",
];

/** What one TCP connection sends, in pieces whose size the first byte says. */
const port = endpoint(
  {
    name: "port",
    seeds: () =>
      REQUESTS.map((text) => Buffer.concat([Buffer.from([9]), Buffer.from(text, "latin1")])),
    words: ["\r\n", "\r\n\r\n", "Host: a\r\n", "Connection: close\r\n", "HTTP/1.1", "chunked"],
  },
  [],
  async (served, input) => {
    const pieceBytes = 1 + new Tape(input).below(64) * 8;
    const socket = connect({ host: "127.0.0.1", port: served.port });
    socket.on("error", () => {});
    socket.resume();
    await Promise.race([once(socket, "connect"), once(socket, "close")]).catch(() => {});
    for (let at = 1; at < input.length && socket.writable; at += pieceBytes) {
      socket.write(input.subarray(at, at + pieceBytes));
      await new Promise(setImmediate);
    }
    socket.end();
    const timer = setTimeout(() => socket.destroy(), SOCKET_TIMEOUT_MS);
    if (!socket.destroyed) await once(socket, "close").catch(() => {});
    clearTimeout(timer);
  },
);

export const ENDPOINT_TARGETS: readonly Target[] = [session, peer, stranger, port];
