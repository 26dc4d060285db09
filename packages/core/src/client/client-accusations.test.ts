import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ClientEvent } from "./client-events.js";
import { Harness, WELCOME } from "./client-harness.fixture.js";

const ACCUSE = {
  ...{ type: "accuse", service: "s", id: "a" },
  ...{ incarnation: 7, isRetraction: false },
} as const satisfies ClientEvent;

function sentCount(client: Harness): number {
  return client.effects.filter(
    (effect) => effect.type === "send" && effect.message.type === "accuse",
  ).length;
}

describe("an accusation", () => {
  it("is told to the node of the session, of a service that is watched", () => {
    const client = new Harness().online();
    client.step(ACCUSE);
    assert.equal(sentCount(client), 0, "a node heeds nobody who does not watch");
    client.step({ type: "watch", service: "s" });
    assert.deepEqual(client.step(ACCUSE), ["send accuse"]);
    assert.deepEqual(client.step({ ...ACCUSE, isRetraction: true }), ["send accuse"]);
  });

  it("is told now or never: it says what is so now, and is said again while it is", () => {
    const client = new Harness().online();
    client.step({ type: "watch", service: "s" });
    client.disconnected();
    client.step(ACCUSE);
    client.elapse(200);
    client.connected();
    client.step(ACCUSE);
    client.read({ ...WELCOME, nodeId: "n2" });
    assert.equal(sentCount(client), 0);
    client.step(ACCUSE);
    assert.equal(sentCount(client), 1);
  });

  it("is not told to a node of an earlier version, which would end the session", () => {
    const client = new Harness().online();
    client.step({ type: "watch", service: "s" });
    client.disconnected();
    client.elapse(200);
    client.connected();
    client.read({ ...WELCOME, nodeId: "n2", knowsAccusations: false });
    client.step(ACCUSE);
    assert.equal(sentCount(client), 0);
  });

  it("is for nobody once the client is closed", () => {
    const client = new Harness().online();
    client.step({ type: "watch", service: "s" });
    client.step({ type: "close" });
    assert.deepEqual(client.step(ACCUSE), []);
  });
});
