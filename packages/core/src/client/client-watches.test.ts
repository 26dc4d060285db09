import assert from "node:assert/strict";
import { test } from "node:test";
import { InstanceState } from "../record.js";
import { Harness, snapshot } from "./client-harness.fixture.js";
import { origin, record } from "./view-records.fixture.js";

test("a watch shows the view, confirms what drains, and resumes where it was", () => {
  const client = new Harness().online();
  assert.deepEqual(client.step({ type: "watch", service: "s" }), [
    "view is incomplete",
    "send watch s ",
  ]);
  assert.deepEqual(client.read(snapshot(client.sent("watch"), "a")), [
    "view added a",
    "view is complete",
  ]);
  const draining = record("a", 2, { state: InstanceState.draining });
  const groups = [{ origin: draining.origin, records: [draining] }];
  const digest = { high: 0, low: 0 };
  assert.deepEqual(client.read({ type: "change", service: "s", groups, digest }), [
    "view updated a",
    "send confirm a",
  ]);
  client.disconnected();
  client.elapse(200);
  assert.deepEqual(client.connected(), ["send hello 2", "send watch s 2"]);
  const answer = { type: "snapshot", requestId: client.sent("watch"), service: "s" } as const;
  const position = [{ origin: origin("n1"), version: 2 }];
  const view = client.machine.view("s");
  assert.ok(view !== undefined);
  assert.deepEqual(
    client.read({
      ...{ ...answer, kind: "unchanged", isFinal: true, groups: [], position },
      digest: view.digest,
    }),
    ["view is complete current", "send confirm a"],
  );
});

test("an answer that was not asked for replaces the changes that were dropped", () => {
  const client = new Harness().online();
  client.step({ type: "watch", service: "s" });
  assert.deepEqual(client.read(snapshot(0, "a")), []);
  client.read(snapshot(client.sent("watch"), "a"));
  assert.deepEqual(client.read(snapshot(0, "a", "b")), ["view added b"]);
});

test("an answer to an earlier watch of the session is not taken for the newest", () => {
  const client = new Harness().online();
  client.step({ type: "watch", service: "s" });
  assert.deepEqual(client.read(snapshot(client.sent("watch") - 1, "a")), []);
});

test("a view that stays different from the node's is asked for from scratch, ever more rarely", () => {
  const client = new Harness().online();
  client.step({ type: "watch", service: "s" });
  client.read(snapshot(client.sent("watch"), "a"));
  const watchedAt: number[] = [];
  for (let beat = 1; beat <= 120; beat += 1) {
    client.elapse(1_000);
    const digests = [{ service: "s", digest: { high: 9, low: 9 } }];
    const texts = client.read({ type: "pong", sequence: beat, digests });
    if (texts.includes("send watch s ")) {
      watchedAt.push(beat);
      client.read(snapshot(client.sent("watch"), "a"));
    }
  }
  assert.deepEqual(watchedAt, [5, 15, 35, 75]);
});

test("a pong that is one turn ahead asks for nothing", () => {
  const client = new Harness().online();
  client.step({ type: "watch", service: "s" });
  client.read(snapshot(client.sent("watch"), "a"));
  const view = client.machine.view("s");
  assert.ok(view !== undefined);
  const { digest } = view;
  for (let beat = 1; beat <= 30; beat += 1) {
    client.elapse(1_000);
    const ahead = { high: 9, low: 9 };
    const digests = [{ service: "s", digest: beat % 3 === 0 ? digest : ahead }];
    assert.ok(!client.read({ type: "pong", sequence: beat, digests }).includes("send watch s "));
  }
});

test("a refused watch is told, and tried again", () => {
  const client = new Harness().online();
  client.step({ type: "watch", service: "s" });
  const requestId = client.sent("watch");
  assert.deepEqual(
    client.read({ type: "refused", requestId, code: "permission_denied", message: "no" }),
    ["watch-refused"],
  );
  client.read({ type: "pong", sequence: 0, digests: [] });
  const texts: string[] = [];
  for (let beat = 1; beat <= 5; beat += 1) {
    texts.push(...client.elapse(1_000));
    client.read({ type: "pong", sequence: beat, digests: [] });
  }
  assert.ok(texts.includes("send watch s "));
});

test("a query is asked again on a new session, and has a deadline", () => {
  const client = new Harness().online();
  assert.deepEqual(client.command({ type: "query" }), ["send query"]);
  const first = client.sent("query");
  client.disconnected();
  client.elapse(200);
  assert.deepEqual(client.connected(), ["send hello 2", "send query"]);
  assert.deepEqual(client.read(snapshot(first, "a")), []);
  assert.deepEqual(client.read(snapshot(client.sent("query"), "a")), ["done 1 instances"]);
  client.command({ type: "query", timeoutMs: 100 });
  assert.deepEqual(client.elapse(100), ["failed 2 deadline_exceeded"]);
});
