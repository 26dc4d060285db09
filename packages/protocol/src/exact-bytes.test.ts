/**
 * The bytes of a few frames, so that the wire form cannot change unnoticed.
 *
 * A failure here means that nodes and clients of different versions no longer understand each
 * other: append fields instead, or raise `PROTOCOL_VERSION`.
 */
import assert from "node:assert/strict";
import test from "node:test";
import type { Origin, RegistryRecord } from "@fpzk/core";
import {
  decodePeerMessage,
  decodeSessionMessage,
  decodeSessionRequest,
  encodeInstanceDescription,
  encodeNodeDescription,
  encodeOverrideDescription,
  encodePeerMessage,
  encodeSessionMessage,
  encodeSessionRequest,
} from "./index.js";

const origin: Origin = { nodeId: "n1", generation: 5, scope: 0 };
const record: RegistryRecord = {
  kind: 1,
  scope: 0,
  namespace: "ns",
  service: "s",
  id: "a",
  origin,
  version: 1,
  stamp: { incarnation: 2, session: 3, claim: 4 },
  state: 1,
  isSuspect: true,
  reason: 4,
  since: 5,
  body: Uint8Array.of(0x90),
};

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** Ignores spaces in the expected text, which are there for people. */
function check(bytes: Uint8Array, expected: string): void {
  assert.equal(hex(bytes), expected.replaceAll(" ", ""));
}

test("heartbeat and pong", () => {
  const counters: readonly [number, string][] = [
    [1, "01"],
    [127, "7f"],
    [128, "cc80"],
    [255, "ccff"],
    [256, "cd0100"],
    [65_535, "cdffff"],
    [65_536, "ce00010000"],
    [4_294_967_295, "ceffffffff"],
    [4_294_967_296, "cb41f0000000000000"],
  ];
  for (const [sequence, bytes] of counters) {
    const heartbeat = { type: "heartbeat", sequence, wantsDigests: true } as const;
    check(encodeSessionRequest(heartbeat), `93 08 ${bytes} c3`);
    assert.deepEqual(decodeSessionRequest(encodeSessionRequest(heartbeat)), {
      ok: true,
      message: heartbeat,
    });
    const pong = { type: "pong", sequence, digests: [] } as const;
    check(encodeSessionMessage(pong), `94 28 ${bytes} 90 c0`);
    assert.deepEqual(decodeSessionMessage(encodeSessionMessage(pong)), { ok: true, message: pong });
  }
});

test("requests", () => {
  check(
    encodeSessionRequest({
      type: "hello",
      protocolVersion: 1,
      namespace: "default",
      token: "",
      clientId: "c",
      sessionNumber: 2,
      region: "eu",
      zone: "",
      agent: "x",
    }),
    "99 01 01 a764656661756c74 a0 a163 02 a26575 a0 a178",
  );
  check(
    encodeSessionRequest({
      type: "register",
      requestId: 7,
      items: [
        {
          service: "s",
          id: "a",
          incarnation: 0,
          since: 1_700_000_000_000 * 2048,
          state: 0,
          scope: 1,
          body: Uint8Array.of(0x90),
        },
      ],
    }),
    "93 02 07 91 97 a173 a161 00 cb4328bcfe56800000 00 01 c40190",
  );
  check(
    encodeSessionRequest({
      type: "watch",
      requestId: 7,
      service: "s",
      position: [{ origin, version: 300 }],
      digest: { high: 1, low: 4_294_967_295 },
    }),
    "95 05 07 a173 91 94 a26e31 05 00 cd012c 92 01 ceffffffff",
  );
  check(encodeSessionRequest({ type: "goodbye" }), "91 0a");
});

test("a change: the second record of a group shares namespace and service", () => {
  check(
    encodeSessionMessage({
      type: "change",
      service: "s",
      groups: [{ origin, records: [record, { ...record, version: 2, id: "b" }] }],
      digest: { high: 1, low: 2 },
    }),
    "94 27 a173 91 92 93a26e310500 92" +
      "9b 01 01 a26e73 a173 a161 02 03 04 25 05 c40190" +
      "9b 02 01 c0 c0 a162 02 03 04 25 05 c40190" +
      "92 01 02",
  );
});

test("peers", () => {
  check(
    encodePeerMessage({
      type: "delta",
      groups: [{ origin, records: [{ ...record, body: new Uint8Array(0) }], from: 0, to: 1 }],
    }),
    "93 41 91 94 93a26e310500 91 9b 01 01 a26e73 a173 a161 02 03 04 25 05 c400 00 01 90",
  );
  check(
    encodePeerMessage({ type: "delta", groups: [], replacedBy: [{ origin, version: 7 }] }),
    "93 41 90 91 94 a26e31 05 00 07",
  );
  check(
    encodePeerMessage({
      type: "digest",
      entries: [{ origin, version: 9, watermark: 1, content: { high: 2, low: 3 } }],
      floors: [{ nodeId: "n1", generation: 4 }],
      hears: ["n2"],
      isReady: true,
      repair: "lagging",
      ended: [{ nodeId: "n3", generation: 7 }],
    }),
    "97 40 91 97 a26e31 05 00 09 01 02 03 91 92 a26e31 04 91 a26e32 c3 01 91 92 a26e33 07",
  );
  check(
    encodePeerMessage({
      type: "route",
      to: "n2",
      from: "n1",
      hops: 2,
      payload: {
        kind: "drain-confirm",
        recordKind: 1,
        namespace: "ns",
        service: "s",
        id: "a",
        stamp: { incarnation: 1, session: 2, claim: 3 },
        confirmedCount: 4,
        unconfirmed: ["n1/c"],
        isQuestion: true,
        generation: 5,
        isLeft: true,
      },
    }),
    "95 43 a26e32 a26e31 02 9b 01 01 a26e73 a173 a161 93010203 04 91 a46e312f63 c3 05 c3",
  );
  check(
    encodePeerMessage({
      type: "route",
      to: "n2",
      from: "n1",
      hops: 3,
      payload: {
        kind: "command",
        commandId: 8,
        command: { kind: "renew", namespace: "ns", service: "s", id: "a" },
      },
    }),
    "95 43 a26e32 a26e31 03 93 03 08 94 01 a26e73 a173 a161",
  );
});

test("bodies", () => {
  check(
    encodeInstanceDescription({
      group: "",
      version: "1",
      region: "eu",
      zone: "a",
      endpoints: [{ protocol: "http", host: "h", port: 80, tls: true, reach: "public" }],
      weight: 100,
      metadata: { b: "2", a: "1" },
      startWallTime: 0,
    }),
    "98 a0 a131 a26575 a161 64 00 91 94 a468747470 a168 50 03 94 a161 a131 a162 a132",
  );
  check(
    encodeNodeDescription({
      region: "eu",
      zone: "",
      address: "h:1",
      peerAddress: "h:2",
      tls: false,
    }),
    "96 a26575 a0 a3683a31 a3683a32 c2 c2",
  );
  check(encodeOverrideDescription({ weight: 0 }), "92 00 c0");
  check(encodeOverrideDescription({ note: "x" }), "92 c0 a178");
});

test("texts and durations that a receiver would refuse are cut by the sender", () => {
  const refused = encodeSessionMessage({
    type: "refused",
    requestId: 1,
    code: "internal",
    message: "x".repeat(10_000),
  });
  const decoded = decodeSessionMessage(refused);
  assert.equal(
    decoded.ok && decoded.message.type === "refused" && decoded.message.message.length,
    1_024,
  );
  const move = decodeSessionMessage(
    encodeSessionMessage({ type: "move", delayMs: 12.4, reason: "shutdown" }),
  );
  assert.deepEqual(move, { ok: true, message: { type: "move", delayMs: 13, reason: "shutdown" } });
});

test("a record that came as nil namespace is whole again", () => {
  const decoded = decodePeerMessage(
    encodePeerMessage({
      type: "reset",
      origins: [],
      groups: [{ origin, records: [record, { ...record, version: 7 }] }],
      isFinal: true,
      entries: [],
      floors: [],
    }),
  );
  assert.ok(decoded.ok && decoded.message.type === "reset");
  const second = decoded.message.groups[0]?.records[1];
  assert.equal(second?.namespace, "ns");
  assert.equal(second?.service, "s");
  assert.equal(second?.origin, decoded.message.groups[0]?.origin);
});
