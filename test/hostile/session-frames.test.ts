/** Hostile frames of clients: each is refused with its code, counted, and nobody else notices. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  BODY_MAX_BYTES,
  REGISTER_BATCH_COUNT_MAX,
  SESSION_FRAME_MAX_BYTES,
  SESSION_INSTANCE_COUNT_MAX,
  SESSION_WATCH_COUNT_MAX,
} from "@fpzk/core";
import { encodeSessionRequest } from "@fpzk/protocol";
import { until } from "../e2e/real-cluster.js";
import { BYSTANDER_ID, BYSTANDER_SERVICE, Bystander } from "./bystander.js";
import { HostileServer } from "./hostile-server.js";
import { helloOf, itemOf, maskedHead, RawSession, RawTcp } from "./raw-attacker.js";

const INVALID = { source: "session", code: "invalid_argument" } as const;
const EXHAUSTED = { source: "session", code: "resource_exhausted" } as const;
const ABORTED = { source: "session", code: "aborted" } as const;

describe("hostile sessions", { timeout: 280_000 }, () => {
  let server: HostileServer;
  let bystander: Bystander;

  before(async () => {
    server = await HostileServer.start({ nodeId: "victim" });
    bystander = await Bystander.join(server);
  });

  after(async () => {
    await bystander[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  /** Runs an attack that must raise a counter and harm nobody. */
  async function withstands(
    series: Parameters<HostileServer["counts"]>[0],
    attack: () => Promise<void>,
    count = 1,
  ): Promise<void> {
    await server.counts(series, attack, count);
    assert.ok(server.isRunning, server.log);
    await bystander.unharmed();
  }

  /** Sends frames on a new connection that says hello first, or not; checks how it is closed. */
  async function isClosed(
    frames: readonly (Uint8Array | string)[],
    expected: { code: number; reason: RegExp; saysHello?: boolean },
  ): Promise<void> {
    const session = expected.saysHello
      ? await RawSession.welcomed(server.port)
      : await RawSession.open(server.port);
    for (const frame of frames) session.ws.send(frame);
    const { code, reason } = await session.closed;
    assert.equal(code, expected.code, reason);
    assert.match(reason, expected.reason);
  }

  test("text frames", () =>
    withstands(INVALID, () =>
      isClosed(["hello"], { code: 1003, reason: /^invalid_argument: text/ }),
    ));

  test("a first message that is no hello", () =>
    withstands({ source: "session", code: "failed_precondition" }, () =>
      isClosed([encodeSessionRequest({ type: "query", requestId: 1, service: "a" })], {
        code: 1008,
        reason: /^failed_precondition: query came before hello/,
      }),
    ));

  test("a second hello", () =>
    withstands({ source: "session", code: "failed_precondition" }, () =>
      isClosed([encodeSessionRequest(helloOf())], {
        code: 1008,
        reason: /^failed_precondition: hello was said before/,
        saysHello: true,
      }),
    ));

  test("another protocol version", () =>
    withstands({ source: "session", code: "failed_precondition" }, () =>
      isClosed([encodeSessionRequest(helloOf({ protocolVersion: 99 }))], {
        code: 1008,
        reason: /^failed_precondition: protocol version 99 must be 1/,
      }),
    ));

  const garbage: Record<string, readonly number[]> = {
    "nothing at all": [],
    "random bytes": [0xc1, 0xff, 0x00, 0x13],
    "a map": [0x81, 0xa1, 0x61, 0x01],
    "an extension type": [0x91, 0xd4, 0x01, 0x00],
    "an array that ends too early": [0x95, 0x01],
    "bytes after the end": [0x91, 0x0a, 0x00],
    "an array of 4 billion": [0xdd, 0xff, 0xff, 0xff, 0xff, 0x01],
    "a text of 4 GB": [0x92, 0x01, 0xdb, 0xff, 0xff, 0xff, 0xff, 0x61],
    "bytes of 4 GB": [0x92, 0x01, 0xc6, 0xff, 0xff, 0xff, 0xff, 0x61],
    "deep nesting": Array.from({ length: 10_000 }, () => 0x91),
  };
  for (const [what, bytes] of Object.entries(garbage)) {
    for (const saysHello of [false, true]) {
      test(`${what}, ${saysHello ? "after" : "before"} hello`, () =>
        withstands(INVALID, () =>
          isClosed([Uint8Array.from(bytes)], {
            code: 1003,
            reason: /^invalid_argument: /,
            saysHello,
          }),
        ));
    }
  }

  test("an unknown message type", () =>
    withstands({ source: "session", code: "unimplemented" }, () =>
      isClosed([Uint8Array.from([0x92, 0x7f, 0x01])], {
        code: 1008,
        reason: /^unimplemented: .*type 127 is not known/,
        saysHello: true,
      }),
    ));

  test("wrong types, control characters, states and times out of range", async () => {
    const register = (service: unknown, id: unknown, more: readonly unknown[]) =>
      encodeRaw([2, 1, [[service, id, ...more]]]);
    const good = [0, 0, 0, 0, new Uint8Array(0)];
    const frames: Uint8Array[] = [
      register(7, "a", good),
      register("a\u0000b", "a", good),
      register("a/b", "a", good),
      register("x".repeat(201), "a", good),
      register("", "a", good),
      register("a", "new\nline", good),
      register("a", "a", [-1, 0, 0, 0, new Uint8Array(0)]),
      register("a", "a", [1.5, 0, 0, 0, new Uint8Array(0)]),
      register("a", "a", [0, 0, 9, 0, new Uint8Array(0)]),
      register("a", "a", [0, 0, 0, 7, new Uint8Array(0)]),
      register("a", "a", [0, 0, 0, 0, "text"]),
      register("a", "a", [0, 0, 0, 0, new Uint8Array(BODY_MAX_BYTES + 1)]),
      encodeRaw([2, 1, "items"]),
      encodeRaw([2]),
    ];
    await withstands(
      INVALID,
      async () => {
        for (const frame of frames) {
          const closing = { code: 1003, reason: /^invalid_argument: /, saysHello: true };
          await isClosed([frame], closing);
        }
      },
      frames.length,
    );
  });

  test("a batch over its bound", () =>
    withstands(INVALID, () => {
      const items = Array.from({ length: REGISTER_BATCH_COUNT_MAX + 1 }, (_, n) =>
        itemOf("a", `${n}`, { body: new Uint8Array(0) }),
      );
      const frame = encodeSessionRequest({ type: "register", requestId: 1, items });
      return isClosed([frame], { code: 1003, reason: /^invalid_argument: /, saysHello: true });
    }));

  test("a body that nobody could read", () =>
    withstands(INVALID, async () => {
      const session = await RawSession.welcomed(server.port);
      const body = Uint8Array.from([0xc1, 0xff]);
      session.register(5, [itemOf(BYSTANDER_SERVICE, "garbage", { body })]);
      const { requestId, code } = await session.receive("refused");
      assert.deepEqual([requestId, code], [5, "invalid_argument"]);
      session.close();
    }));

  test("a frame of 5 MB is closed as too big", () =>
    withstands(EXHAUSTED, () =>
      isClosed([Buffer.alloc(5 * 1024 * 1024)], { code: 1009, reason: /^/, saysHello: true }),
    ));

  test("a frame before hello is bounded more tightly", () =>
    withstands(EXHAUSTED, () =>
      isClosed([Buffer.alloc(20_000, 0x91)], {
        code: 1008,
        reason: /^resource_exhausted: .*20000 bytes must be <= 16384/,
      }),
    ));

  test("a message of fragments of one byte each", () =>
    withstands(EXHAUSTED, async () => {
      const session = await RawSession.open(server.port);
      for (let n = 0; n < 200; n += 1) session.ws.send("x", { binary: true, fin: false });
      assert.equal((await session.closed).code, 1008);
    }));

  test("a declared length of 2^53 is refused before anything of it comes", () =>
    withstands(EXHAUSTED, async () => {
      const tcp = await RawTcp.upgraded(server.port);
      tcp.socket.write(maskedHead(2 ** 52));
      await tcp.ended;
    }));

  test("half a frame and then silence; one byte a second", async () => {
    const series = { source: "session", code: "deadline_exceeded" } as const;
    await withstands(
      series,
      async () => {
        const half = await RawTcp.upgraded(server.port);
        half.socket.write(maskedHead(SESSION_FRAME_MAX_BYTES).subarray(0, 7));
        const drip = await RawTcp.upgraded(server.port);
        drip.socket.write(maskedHead(1_000));
        const timer = setInterval(() => drip.socket.write("x"), 1_000);
        await Promise.all([half.ended, drip.ended]);
        clearInterval(timer);
      },
      2,
    );
  });

  test("1,000 connections without hello are closed, and room comes back", () =>
    withstands(
      { source: "session", code: "deadline_exceeded" },
      async () => {
        const idle = await Promise.all(
          Array.from({ length: 1_000 }, () => RawSession.open(server.port)),
        );
        await bystander.unharmed();
        const closes = await Promise.all(idle.map((session) => session.closed));
        for (const { code, reason } of closes) {
          assert.equal(code, 1008);
          assert.equal(reason, "deadline_exceeded: no hello came in time");
        }
      },
      1_000,
    ));

  test("100,000 heartbeats at once are answered or the sender is cut", () =>
    withstands(
      "fpzk_session_input_total",
      async () => {
        const session = await RawSession.welcomed(server.port);
        const count = 100_000;
        for (let sequence = 1; sequence <= count; sequence += 1) {
          session.send({ type: "heartbeat", sequence, wantsDigests: false });
        }
        await until("the flood to end", 30_000, () => {
          const last = session.messages.at(-1);
          return session.isClosed || (last?.type === "pong" && last.sequence === count);
        });
        session.close();
      },
      100_000,
    ));

  test("heartbeats whose answers nobody reads: the sender is cut, memory stays bounded", () =>
    withstands("fpzk_slow_sessions_closed_total", async () => {
      const session = await RawSession.welcomed(server.port);
      for (let n = 0; n < 500; n += 1) session.watch(n + 1, `${n}-`.padEnd(200, "w"));
      session.ws.pause();
      const before = await server.metric("fpzk_resident_bytes");
      for (let sequence = 1; sequence <= 2_000 && !session.isClosed; sequence += 1) {
        session.send({ type: "heartbeat", sequence, wantsDigests: true });
      }
      await until("the sender to be cut", 30_000, async () => {
        return (await server.metric("fpzk_sessions")) === 1;
      });
      const grownBytes = (await server.metric("fpzk_resident_bytes")) - before;
      assert.ok(grownBytes < 300e6, `${grownBytes} bytes more after unread answers`);
      session.close();
    }));

  test("a reader that stops reading while changes pour misses changes, not others", () =>
    withstands("fpzk_queue_drops_total", async () => {
      const reader = await RawSession.welcomed(server.port);
      reader.watch(1, "poured");
      await reader.receive("snapshot");
      reader.ws.pause();
      const pourer = await RawSession.welcomed(server.port);
      const before = await server.metric("fpzk_queue_drops_total");
      let requestId = 0;
      await until("the reader's queue to be full", 60_000, async () => {
        for (let batch = 0; batch < 20; batch += 1) {
          requestId += 1;
          const items = Array.from({ length: 500 }, (_, n) =>
            itemOf("poured", `p-${n}`, {
              incarnation: requestId,
            }),
          );
          pourer.register(requestId, items);
          await pourer.receive("registered");
        }
        return (await server.metric("fpzk_queue_drops_total")) > before;
      });
      await bystander.unharmed();
      reader.close();
      pourer.close();
    }));

  test("more instances than a session may hold; what it holds can still be changed", () =>
    withstands(EXHAUSTED, async () => {
      const session = await RawSession.welcomed(server.port);
      const batch = REGISTER_BATCH_COUNT_MAX;
      for (let from = 0; from < SESSION_INSTANCE_COUNT_MAX; from += batch) {
        const items = Array.from({ length: batch }, (_, n) => itemOf("many", `m-${from + n}`));
        session.register(from + 1, items);
        const { items: taken } = await session.receive("registered");
        assert.ok(taken.every(({ code }) => code === undefined));
      }
      session.register(1_000_000, [itemOf("many", "one too many"), itemOf("many", "m-0")]);
      const { items } = await session.receive("registered");
      assert.deepEqual(
        items.map(({ code }) => code),
        ["resource_exhausted", undefined],
      );
      session.send({ type: "goodbye" });
      await session.closed;
    }));

  test("more watches than a session may have; what it watches can be watched again", () =>
    withstands(EXHAUSTED, async () => {
      const session = await RawSession.welcomed(server.port);
      for (let n = 1; n <= SESSION_WATCH_COUNT_MAX; n += 1) session.watch(n, `w-${n}`);
      session.watch(5_000, "one too many");
      const refused = await session.receive("refused");
      assert.deepEqual([refused.requestId, refused.code], [5_000, "resource_exhausted"]);
      session.messages.length = 0;
      session.watch(5_001, "w-1");
      assert.equal((await session.receive("snapshot")).requestId, 5_001);
      session.close();
    }));

  test("an id that another client holds is taken over once, without a duel", () =>
    withstands('fpzk_core_events_total{event="superseded"}', async () => {
      const [first, second] = await Promise.all([
        RawSession.welcomed(server.port),
        RawSession.welcomed(server.port),
      ]);
      first.register(1, [itemOf("duel", "d-1")]);
      await first.receive("registered");
      second.register(1, [itemOf("duel", "d-1")]);
      await second.receive("registered");
      const superseded = await first.receive("superseded");
      assert.equal(superseded.isAlive, true);
      assert.equal(superseded.id, "d-1");
      // The loser says again what it said before: refused, nobody else hears of it.
      first.register(2, [itemOf("duel", "d-1", { incarnation: 1 })]);
      const { items } = await first.receive("registered");
      assert.equal(items[0]?.code, "aborted");
      assert.equal(second.messages.filter(({ type }) => type === "superseded").length, 0);
      first.close();
      second.close();
    }));

  test("an incarnation at the end of its range blocks nobody and breaks nothing", () =>
    withstands({ source: "session", code: "out_of_range" }, async () => {
      const session = await RawSession.welcomed(server.port);
      const incarnation = Number.MAX_SAFE_INTEGER;
      session.register(1, [itemOf("edge", "e-1", { incarnation })]);
      const { items } = await session.receive("registered");
      assert.equal(items[0]?.code, "out_of_range");
      const since = Number.MAX_SAFE_INTEGER;
      session.register(2, [itemOf("edge", "e-1", { since }), itemOf("edge", "e-1")]);
      const again = await session.receive("registered");
      assert.deepEqual(
        again.items.map(({ code }) => code),
        [undefined, undefined],
      );
      session.close();
    }));

  test("a session number that was used, and one that is lower", () =>
    withstands(
      ABORTED,
      async () => {
        const clientId = "replayed";
        const session = await RawSession.welcomed(server.port, { clientId, sessionNumber: 7 });
        for (const sessionNumber of [7, 6]) {
          const replay = await RawSession.open(server.port);
          replay.send(helloOf({ clientId, sessionNumber }));
          const { code, reason } = await replay.closed;
          assert.equal(code, 1008);
          assert.match(reason, /^aborted: client replayed has session 7 here/);
        }
        assert.equal(session.isClosed, false);
        session.close();
      },
      2,
    ));

  test("what another session holds cannot be changed or removed", () =>
    withstands(
      { source: "session", code: "not_found" },
      async () => {
        const session = await RawSession.welcomed(server.port);
        const target = { service: BYSTANDER_SERVICE, id: BYSTANDER_ID };
        session.send({ type: "deregister", requestId: 1, ...target, reason: 1 });
        assert.equal((await session.receive("refused")).code, "not_found");
        const wish = { state: 1, timeoutMs: 0, leftRegions: [] } as const;
        session.send({ type: "set-state", requestId: 2, ...target, ...wish });
        assert.equal((await session.receive("refused")).code, "not_found");
        session.close();
      },
      2,
    ));
});

/** A frame of plain values, without the checks that our own encoder makes. */
function encodeRaw(values: unknown): Uint8Array {
  if (Array.isArray(values)) {
    const head = Buffer.from([0xdd, 0, 0, 0, 0]);
    head.writeUInt32BE(values.length, 1);
    return Buffer.concat([head, ...values.map(encodeRaw)]);
  }
  if (values instanceof Uint8Array) {
    const head = Buffer.from([0xc6, 0, 0, 0, 0]);
    head.writeUInt32BE(values.length, 1);
    return Buffer.concat([head, values]);
  }
  if (typeof values === "string") {
    const bytes = Buffer.from(values);
    const head = Buffer.from([0xdb, 0, 0, 0, 0]);
    head.writeUInt32BE(bytes.length, 1);
    return Buffer.concat([head, bytes]);
  }
  const number = Buffer.alloc(9);
  number[0] = 0xcb;
  number.writeDoubleBE(Number(values), 1);
  return Number.isInteger(values) && Number(values) >= 0 && Number(values) < 128
    ? Buffer.from([Number(values)])
    : number;
}
