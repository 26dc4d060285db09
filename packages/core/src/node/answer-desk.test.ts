import assert from "node:assert/strict";
import { test } from "node:test";
import { ServiceView } from "../client/service-view.js";
import { EMPTY_DIGEST } from "../hash.js";
import { BODY_MAX_BYTES, SESSION_QUEUE_MAX_BYTES } from "../limits.js";
import type { SnapshotMessage } from "../messages.js";
import { InstanceState, Scope } from "../record.js";
import type { Effect } from "./events.js";
import { NodeBench, toSession } from "./node.fixture.js";

/** As many instances as a session's queue could never hold. */
const COUNT = Math.ceil((8 * SESSION_QUEUE_MAX_BYTES) / BODY_MAX_BYTES);

function newBench(count = COUNT): NodeBench {
  const bench = new NodeBench();
  bench.openSession(1, "provider");
  for (let id = 0; id < count; id += 1) put(bench, `i-${id}`);
  bench.openSession(2, "reader");
  return bench;
}

function put(bench: NodeBench, id: string, service = "cart"): Effect[] {
  const state = { incarnation: 0, since: 0, state: InstanceState.up, scope: Scope.global };
  const item = { service, id, ...state, body: new Uint8Array(BODY_MAX_BYTES) };
  return bench.say(1, { type: "register", requestId: 1, items: [item] });
}

function watch(bench: NodeBench, requestId = 5, service = "cart"): Effect[] {
  const request = { requestId, service, position: [], digest: EMPTY_DIGEST };
  return bench.say(2, { type: "watch", ...request });
}

function parts(effects: readonly Effect[]): SnapshotMessage[] {
  return toSession(effects, 2).filter((message) => message.type === "snapshot");
}

function bytesOf(messages: readonly SnapshotMessage[]): number {
  const groups = messages.flatMap((message) => message.groups);
  const records = groups.flatMap((group) => group.records);
  return records.reduce((sum, record) => sum + record.body.length, 0);
}

/** Turns until nothing is left to send, as the driver makes them. */
function turns(bench: NodeBench, each: (effects: Effect[]) => void, most = 1_000): void {
  for (let turn = 0; turn < most && bench.node.nextDeadline() <= bench.now; turn += 1) {
    each(bench.step({ type: "tick" }));
  }
}

// A service of more than four queues was answered in one go, and ended every session that asked.
test("P10 a large answer is sent over many turns, complete at its end", () => {
  const bench = newBench();
  const messages = parts(watch(bench));
  let most = bytesOf(messages);
  turns(bench, (effects) => {
    most = Math.max(most, bytesOf(parts(effects)));
    messages.push(...parts(effects));
  });
  assert.ok(most <= SESSION_QUEUE_MAX_BYTES, `${most} bytes in one turn`);
  assert.equal(bytesOf(messages), COUNT * BODY_MAX_BYTES);
  assert.deepEqual(
    messages.map((message) => message.isFinal),
    messages.map((_, index) => index === messages.length - 1),
  );
});

test("P10 many answers at once are as slow, and small ones are not", () => {
  const bench = new NodeBench();
  bench.openSession(1, "provider");
  for (let service = 0; service < 200; service += 1) put(bench, "i-0", `s${service}`);
  bench.openSession(2, "reader");
  let most = 0;
  let count = 0;
  const look = (effects: Effect[]) => {
    most = Math.max(most, bytesOf(parts(effects)));
    count += parts(effects).filter((message) => message.isFinal).length;
  };
  for (let service = 0; service < 200; service += 1) {
    look(
      bench.node
        .step(
          {
            type: "session-message",
            session: 2,
            message: {
              ...{ type: "watch", requestId: service + 1, service: `s${service}`, position: [] },
              digest: EMPTY_DIGEST,
            },
          },
          bench.now,
        )
        .map((effect) => structuredClone(effect)),
    );
  }
  assert.ok(count < 200, `${count} answers in the turn of the asking`);
  turns(bench, look);
  assert.equal(count, 200);
  assert.ok(most <= SESSION_QUEUE_MAX_BYTES);
  assert.equal(parts(watch(bench, 900, "nothing")).length, 1, "at once");
});

test("a congested reader is sent nothing more, and goes on when it reads again", () => {
  const bench = newBench();
  const messages = parts(watch(bench));
  const others = toSession(bench.step({ type: "session-congested", session: 2 }), 2);
  assert.equal(others.filter((message) => message.type === "snapshot").length, 0);
  turns(bench, (effects) => assert.equal(parts(effects).length, 0), 10);
  messages.push(...parts(bench.step({ type: "session-writable", session: 2 })));
  turns(bench, (effects) => messages.push(...parts(effects)));
  assert.equal(bytesOf(messages), COUNT * BODY_MAX_BYTES);
});

test("a watch that is asked for anew or ended is not answered any more", () => {
  const bench = newBench();
  watch(bench, 5);
  const messages = parts(watch(bench, 6));
  turns(bench, (effects) => messages.push(...parts(effects)));
  assert.deepEqual([...new Set(messages.map((message) => message.requestId))], [6]);
  watch(bench, 7);
  bench.say(2, { type: "unwatch", service: "cart" });
  turns(bench, (effects) => assert.equal(parts(effects).length, 0));
});

test("what changes while an answer is under way, or its reader is slow, is told in the end", () => {
  const body = (bytes: Uint8Array) => ({
    ...{ group: "", version: "", region: "", zone: "", weight: bytes[0] ?? 0, startWallTime: 0 },
    ...{ endpoints: [], metadata: {} },
  });
  const view = new ServiceView("default", "cart", { instance: body, override: () => ({}) });
  const bench = newBench();
  const take = (effects: readonly Effect[]) => {
    for (const message of toSession(effects, 2)) {
      if (message.type === "snapshot") view.applySnapshot(message);
      if (message.type === "change") view.applyChange(message);
    }
  };
  take(watch(bench));
  take(put(bench, "new-1"));
  take(bench.say(1, { type: "deregister", requestId: 3, service: "cart", id: "i-400", reason: 1 }));
  take(bench.step({ type: "session-congested", session: 2 }));
  take(put(bench, "new-2"));
  take(bench.say(1, { type: "deregister", requestId: 4, service: "cart", id: "i-0", reason: 1 }));
  take(bench.step({ type: "session-writable", session: 2 }));
  take(put(bench, "new-3"));
  turns(bench, take);
  const held = [...bench.node.table.slots()]
    .map((slot) => bench.node.table.read(slot))
    .filter((record) => record.service === "cart" && record.state === InstanceState.up);
  assert.deepEqual(
    view.instances.map(({ id }) => id),
    held.map(({ id }) => id).sort(),
  );
});
