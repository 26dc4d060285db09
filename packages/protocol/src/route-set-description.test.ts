import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ChangeMessage, RecordKind, type RegistryRecord, ROUTE_SET_SERVICE } from "@fpzk/core";
import fc from "fast-check";
import { Packr } from "msgpackr/pack";
import {
  decodeNodeDescription,
  decodePeerMessage,
  decodeRouteSet,
  decodeSessionMessage,
  decodeSessionRequest,
  encodePeerMessage,
  encodeRouteSet,
  encodeSessionMessage,
  encodeSessionRequest,
} from "./index.js";

const packr = new Packr({ useRecords: false });
const ROUTES = [{ host: "shop.example", service: "shop", timeoutMs: 100 }, { service: "rest" }];
const ORIGIN = { nodeId: "n1", generation: 1, scope: 0 } as const;

function recordFor(kind: RecordKind, version: number): RegistryRecord {
  const isRouteSet = kind === RecordKind.routeSet;
  return {
    ...{ kind, scope: 0, namespace: "shops", origin: ORIGIN, version, state: 0, isSuspect: false },
    service: isRouteSet ? ROUTE_SET_SERVICE : "cart",
    id: isRouteSet ? "shops/eu" : `i${version}`,
    stamp: { incarnation: 7, session: 0, claim: 0 },
    ...{
      reason: 0,
      since: 0,
      body: isRouteSet ? encodeRouteSet({ routes: ROUTES }) : packr.pack([]),
    },
  };
}

describe("a route set's body", () => {
  it("is what was written, with a note or without", () => {
    for (const note of [undefined, "ticket 42: 5 % to version 2"]) {
      const description = { routes: ROUTES, ...(note === undefined ? {} : { note }) };
      assert.deepEqual(decodeRouteSet(encodeRouteSet(description)), { ok: true, description });
    }
  });

  it("is refused whole when a part of it is not right, with the place", () => {
    const check = (body: Uint8Array, expected: RegExp) => {
      const decoded = decodeRouteSet(body);
      assert.ok(!decoded.ok);
      assert.match(decoded.refusal.message, expected);
    };
    check(packr.pack([2, "[]"]), /form 2 must/);
    check(packr.pack([1, "[}"]), /routes must be a text of JSON/);
    check(packr.pack([1, 7]), /routes 7 must be a text/);
    check(
      packr.pack([1, JSON.stringify([{ service: "a", oneDay: 1 }])]),
      /\[0\]\.oneDay 1 is unknown/,
    );
    check(
      packr.pack([1, JSON.stringify([{ service: "a", namespace: "b" }])]),
      /namespace "b" must/,
    );
    check(packr.pack([1, `${"[".repeat(8_000)}${"]".repeat(8_000)}`]), /must be an object/);
    check(new Uint8Array([0xc1]), /./);
  });

  it("of any bytes is read or refused, never an exception", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => packr.pack([1, text])),
        ),
        (body) => {
          decodeRouteSet(body);
        },
      ),
    );
  });
});

describe("route sets on the wire", () => {
  const kinds = [
    RecordKind.instance,
    RecordKind.routeSet,
    RecordKind.override,
    RecordKind.routeSet,
  ];
  const records = kinds.map((kind, at) => recordFor(kind, at + 1));

  it("come without namespace and service, as nodes of earlier versions expect of what they do not know", () => {
    const group = { origin: ORIGIN, records, from: 0, to: records.length };
    const frame = encodePeerMessage({ type: "delta", groups: [group] });
    const [, [[, sent]]] = packr.unpack(Buffer.from(frame)) as [number, [[unknown, unknown[][]]]];
    assert.deepEqual(
      sent.map(([, kind, namespace, service, id]) => [kind, namespace, service, id]),
      [
        [1, "shops", "cart", "i1"],
        [5, "", "", "shops/eu"],
        [3, "shops", "cart", "i3"],
        [5, "", "", "shops/eu"],
      ],
    );
    const decoded = decodePeerMessage(frame);
    assert.ok(decoded.ok && decoded.message.type === "delta");
    assert.deepEqual(decoded.message.groups[0]?.records.map(keyOf), records.map(keyOf));
  });

  it("are watched by a name that no service can have", () => {
    const digest = { high: 1, low: 2 };
    const service = ROUTE_SET_SERVICE;
    const watch = { type: "watch", requestId: 1, service, position: [], digest } as const;
    assert.deepEqual(decodeSessionRequest(encodeSessionRequest(watch)), {
      ok: true,
      message: watch,
    });
    const query = encodeSessionRequest({ type: "query", requestId: 1, service });
    assert.ok(!decodeSessionRequest(query).ok, "only watches name them");
    const change: ChangeMessage = {
      ...{ type: "change", service, digest },
      groups: [{ origin: ORIGIN, records: [recordFor(RecordKind.routeSet, 9)] }],
    };
    const decoded = decodeSessionMessage(encodeSessionMessage(change));
    assert.ok(decoded.ok && decoded.message.type === "change");
    assert.deepEqual(decoded.message.groups[0]?.records.map(keyOf), [
      { namespace: "shops", service, id: "shops/eu" },
    ]);
  });

  it("a welcome of an earlier version, or with another addition in its place, knows none", () => {
    const head = [32, "n1", 1, "eu", 1_000, 3_000, 0, true, 5];
    for (const [rest, expected] of [
      [[], false],
      [["?"], false],
      [[true, "?"], true],
    ] as const) {
      const decoded = decodeSessionMessage(packr.pack([...head, ...rest]));
      assert.ok(decoded.ok && decoded.message.type === "welcome");
      assert.equal(decoded.message.knowsRouteSets, expected);
    }
  });

  it("and as little of accusations, nor does a node's description", () => {
    const welcome = [32, "n1", 1, "eu", 1_000, 3_000, 0, true, 5, true];
    const description = ["eu", "", "h:1", "h:1", false];
    for (const [rest, expected] of [
      [[], false],
      [["?"], false],
      [[true, "?"], true],
    ] as const) {
      const decoded = decodeSessionMessage(packr.pack([...welcome, ...rest]));
      assert.ok(decoded.ok && decoded.message.type === "welcome");
      assert.equal(decoded.message.knowsAccusations, expected);
      const node = decodeNodeDescription(packr.pack([...description, ...rest]));
      assert.ok(node.ok);
      assert.equal(node.description.knowsAccusations, expected);
    }
  });
});

function keyOf({ namespace, service, id }: RegistryRecord) {
  return { namespace, service, id };
}
