import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EMPTY_DIGEST } from "../hash.js";
import { originOf, recordFor } from "../record.fixture.js";
import { RecordKind, ROUTE_SET_SERVICE, recordDigest } from "../record.js";
import type { ClientEffect } from "./client-events.js";
import { Harness, WELCOME } from "./client-harness.fixture.js";

const service = ROUTE_SET_SERVICE;

/** Watches of route sets that were sent. */
function watchCount(client: Harness): number {
  return client.effects.filter(
    (effect) =>
      effect.type === "send" &&
      (effect.message.type === "watch" || effect.message.type === "unwatch") &&
      effect.message.service === service,
  ).length;
}

function isNews(effect: ClientEffect): boolean {
  return effect.type === "view-changed" && effect.service === service;
}

const RECORD = recordFor("default/shop", {
  ...{ kind: RecordKind.routeSet, service, origin: originOf("n1") },
});

/** The node's whole answer: one route set. */
function answer(client: Harness): void {
  client.read({
    ...{ type: "snapshot", requestId: client.sent("watch"), service, kind: "full", isFinal: true },
    groups: [{ origin: RECORD.origin, records: [RECORD] }],
    position: [{ origin: RECORD.origin, version: RECORD.version }],
    digest: recordDigest(RECORD),
  });
}

describe("a watch of route sets", () => {
  it("is sent once the node has said that it knows them, and not before its welcome", () => {
    const client = new Harness();
    client.start("n1");
    client.step({ type: "watch", service });
    client.connected();
    assert.equal(watchCount(client), 0);
    client.read(WELCOME);
    assert.equal(watchCount(client), 1);
    answer(client);
    assert.ok(client.effects.some(isNews));
    const held = client.machine
      .view(service)
      ?.save()
      .groups.flatMap((group) => group.records);
    assert.deepEqual(
      held?.map(({ id }) => id),
      ["default/shop"],
    );
    assert.deepEqual(client.machine.view(service)?.instances, []);
  });

  it("an earlier node is not asked, and what was known stays", () => {
    const client = new Harness().online();
    client.step({ type: "watch", service });
    answer(client);
    const sentCount = watchCount(client);
    client.disconnected();
    client.elapse(200);
    client.connected();
    client.read({ ...WELCOME, nodeId: "n2", knowsRouteSets: false });
    client.step({ type: "unwatch", service: "other" });
    assert.equal(watchCount(client), sentCount);
    const view = client.machine.view(service);
    assert.ok(view?.isComplete && view.digest !== EMPTY_DIGEST);
    client.step({ type: "unwatch", service });
    assert.equal(watchCount(client), sentCount, "nor told of the end");
  });
});
