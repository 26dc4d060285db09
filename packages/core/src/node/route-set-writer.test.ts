import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EMPTY_DIGEST } from "../hash.js";
import { ROUTE_SET_COUNT_MAX } from "../limits.js";
import type { DeltaMessage } from "../messages.js";
import { originOf, recordFor, stampOf } from "../record.fixture.js";
import { InstanceState, RecordKind, type RegistryRecord, ROUTE_SET_SERVICE } from "../record.js";
import type { Command, Effect } from "./events.js";
import { NodeBench, toSession } from "./node.fixture.js";

function words(name: string, body: number | undefined, namespace = "default"): Command {
  const bytes = body === undefined ? undefined : new Uint8Array([body]);
  return { kind: "route-set", namespace, name, body: bytes };
}

function watched(bench: NodeBench, session = 1): void {
  bench.openSession(session);
  const at = { position: [], digest: EMPTY_DIGEST };
  bench.say(session, { type: "watch", requestId: 1, service: ROUTE_SET_SERVICE, ...at });
}

/** `id body` of what a session was told, a tombstone without a body. */
function told(effects: readonly Effect[], session = 1): string[] {
  return toSession(effects, session).flatMap((message) =>
    message.type === "change" || message.type === "snapshot"
      ? message.groups.flatMap((group) => group.records.map((one) => `${one.id} ${one.body[0]}`))
      : [],
  );
}

/** A route set that node `b` wrote. */
function heard(body: number, incarnation: number): DeltaMessage {
  const origin = originOf("b");
  const record: RegistryRecord = recordFor("default/shop", {
    ...{ kind: RecordKind.routeSet, service: ROUTE_SET_SERVICE, origin, version: 1 },
    ...{ stamp: stampOf(incarnation, 0), body: new Uint8Array([body]) },
  });
  return { type: "delta", groups: [{ origin, from: 0, to: 1, records: [record] }] };
}

describe("a route set", () => {
  it("is told to who watches those of its namespace, and to nobody else", () => {
    const bench = new NodeBench();
    bench.run(words("shop", 1));
    watched(bench);
    assert.deepEqual(told(bench.effects), ["default/shop 1"]);
    const change = bench.step({ type: "command", commandId: 2, command: words("shop", 2) });
    assert.deepEqual(told(change), ["default/shop 2"]);
    const other = bench.step({ type: "command", commandId: 3, command: words("x", 3, "other") });
    assert.deepEqual(told(other), []);
    const gone = bench.step({ type: "command", commandId: 4, command: words("shop", undefined) });
    assert.deepEqual(told(gone), ["default/shop undefined"]);
    const digest = bench.node.table.digestOf(
      bench.node.table.findService("default", ROUTE_SET_SERVICE),
    );
    assert.deepEqual(digest, EMPTY_DIGEST);
  });

  it("the later of two words counts, wherever it was said", () => {
    const bench = new NodeBench();
    watched(bench);
    bench.link(1, "b");
    bench.run(words("shop", 1));
    const stamp = bench.run(words("shop", 2))?.stamp;
    assert.ok(stamp !== undefined);
    assert.deepEqual(told(bench.hear(1, heard(7, stamp.incarnation - 1))), []);
    const bench2 = new NodeBench();
    watched(bench2);
    bench2.link(1, "b");
    bench2.run(words("shop", 1));
    // Of a clock that runs ahead: followed here, so that the next word here is later still.
    assert.deepEqual(told(bench2.hear(1, heard(7, 2 ** 52))), ["default/shop 7"]);
    const after = bench2.step({ type: "command", commandId: 9, command: words("shop", 8) });
    assert.deepEqual(told(after), ["default/shop 8"]);
  });

  it("is refused when it cannot be: none to delete, too long a name, too many", () => {
    const bench = new NodeBench();
    const codeOf = (command: Command) => bench.run(command)?.refusal?.code;
    assert.equal(codeOf(words("shop", undefined)), "not_found");
    assert.equal(codeOf(words("x".repeat(193), 1)), "invalid_argument");
    assert.equal(codeOf(words("x".repeat(192), 1)), undefined);
    for (let at = 1; at < ROUTE_SET_COUNT_MAX; at += 1)
      assert.equal(codeOf(words(`n${at}`, 1)), undefined);
    assert.equal(codeOf(words("more", 1)), "resource_exhausted");
    assert.equal(codeOf(words("n1", 2)), undefined, "what is there can be changed");
    assert.equal(codeOf(words("more", 1, "other")), undefined);
    assert.equal(codeOf(words("n1", undefined)), undefined);
    assert.equal(codeOf(words("n1", undefined)), "not_found");
    assert.equal(codeOf(words("more", 1)), undefined);
  });

  it("is not a service's: it is in no answer about one", () => {
    const bench = new NodeBench();
    bench.run(words("shop", 1));
    bench.openSession(1);
    const effects = bench.say(1, { type: "query", requestId: 2, service: "shop" });
    assert.deepEqual(told(effects), []);
    const slots = [...bench.node.table.slots()].map((slot) => bench.node.table.read(slot));
    const [record] = slots.filter((one) => one.kind === RecordKind.routeSet);
    assert.equal(record?.state, InstanceState.up);
  });
});
