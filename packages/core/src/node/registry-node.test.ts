import assert from "node:assert/strict";
import { test } from "node:test";
import type { SessionMessage } from "../messages.js";
import { SeededRandom } from "../random.js";
import { InstanceState, RecordKind, Scope } from "../record.js";
import { MapRecordTable } from "../table/map-record-table.js";
import { NO_SLOT } from "../table/record-table.js";
import { instant, type WallTime } from "../time.js";
import type { Command, Effect, NodeEvent } from "./events.js";
import { NODE_CONFIG_DEFAULT } from "./node-config.js";
import { RegistryNode } from "./registry-node.js";

const NO_BYTES = new Uint8Array(0);
const NAME = { namespace: "default", service: "orders", id: "o-1" };

/** A node alone in the world, with all that it did. */
class LoneNode {
  readonly effects: Effect[] = [];
  readonly node: RegistryNode;
  now = 1_000;

  constructor(seeds: readonly string[] = []) {
    const [region, nodeId] = ["r", "n"];
    const address = { address: "n:1", peerAddress: "n:1", tls: false };
    this.node = new RegistryNode({
      ...{ nodeId, generation: 1, region, zone: "", seeds, config: NODE_CONFIG_DEFAULT },
      description: { region, zone: "", ...address },
      encodedDescription: NO_BYTES,
      random: new SeededRandom(1),
      wallNow: () => this.now as WallTime,
      table: new MapRecordTable(),
      decodeNodeDescription: () => undefined,
      now: instant(this.now),
    });
    this.feed({ type: "tick" });
  }

  feed(event: NodeEvent): void {
    this.effects.push(...this.node.step(event, instant(this.now)));
    this.effects.push(...this.node.step({ type: "turn-end" }, instant(this.now)));
  }

  open(session: number, clientId: string): void {
    const grants = { mayRead: true, mayRegister: true, mayOperate: true };
    const { namespace } = NAME;
    const rest = { kind: "native", namespace, grants, clientId, sessionNumber: 1 } as const;
    this.feed({ type: "session-open", session, ...rest });
  }

  register(session: number): void {
    const { service, id } = NAME;
    const state = InstanceState.up;
    const scope = Scope.global;
    const item = { service, id, incarnation: 0, since: 0, state, scope, body: NO_BYTES };
    const message = { type: "register", requestId: 1, items: [item] } as const;
    this.feed({ type: "session-message", session, message });
  }

  command(commandId: number, command: Command): void {
    this.feed({ type: "command", commandId, command });
  }

  sent(session: number): SessionMessage[] {
    return this.effects.flatMap((effect) =>
      effect.type === "send-sessions" && effect.sessions.includes(session) ? [effect.message] : [],
    );
  }

  results() {
    return this.effects.flatMap((effect) => (effect.type === "command-result" ? [effect] : []));
  }

  /** Ticks as it asks for them; returns how often that was. */
  run(durationMs: number): number {
    const end = this.now + durationMs;
    let count = 0;
    while (this.node.nextDeadline() <= end) {
      this.now = Math.max(this.now, this.node.nextDeadline());
      this.feed({ type: "tick" });
      count += 1;
      assert.ok(count < 10_000, `node asks for ticks without end at ${this.now}`);
    }
    this.now = end;
    return count;
  }

  stateOf(): InstanceState | undefined {
    const { table } = this.node;
    const slot = table.find({ ...NAME, kind: RecordKind.instance, scope: Scope.global });
    return slot === NO_SLOT ? undefined : (table.state(slot) as InstanceState);
  }
}

// It asked for a tick at once, again and again, for dials that were due and that it did not make.
test("a leaving node that cannot reach its seeds does not spin", () => {
  const lone = new LoneNode(["gone:1"]);
  lone.open(1, "c");
  lone.run(5_000);
  // The next try is due within the time of leaving.
  lone.feed({ type: "dial-failed", address: "gone:1", cause: "refused", detail: "" });
  lone.feed({ type: "shutdown" });
  assert.ok(lone.run(20_000) < 1_000);
  assert.ok(lone.effects.some((effect) => effect.type === "left"));
});

// The lease ended with its last record, and then once more, which stopped the node.
test("a lease without a session that lapses takes its record, not the node", () => {
  const lone = new LoneNode();
  const isUp = { scope: Scope.global, state: InstanceState.up, body: NO_BYTES };
  lone.command(1, { kind: "register", ...NAME, ...isUp, ttlMs: 1_000 });
  assert.equal(lone.stateOf(), InstanceState.up);
  lone.run(20_000);
  assert.equal(lone.stateOf(), InstanceState.removed);
  assert.equal(lone.node.leaseCount, 0);
});

// The earlier process was told nothing when both had their session at one node.
test("of two processes with one id at one node the earlier is told so", () => {
  const lone = new LoneNode();
  lone.open(1, "first");
  lone.register(1);
  lone.open(2, "second");
  lone.register(2);
  const told = lone.sent(1).filter((message) => message.type === "superseded");
  assert.equal(told.length, 1);
  const [answer] = lone.sent(2).filter((message) => message.type === "registered");
  const incarnation = answer?.items[0]?.stamp?.incarnation;
  assert.ok(told.every((message) => message.isAlive && message.stamp.incarnation === incarnation));
  assert.equal(lone.sent(2).filter((message) => message.type === "superseded").length, 0);
});

// The first drain was answered as confirmed by everyone when a second one began.
test("a drain that another replaces names who had not confirmed (P7)", () => {
  const lone = new LoneNode();
  lone.open(1, "provider");
  lone.register(1);
  lone.open(2, "subscriber");
  const watch = { service: "orders", position: [], digest: { high: 0, low: 0 } };
  const message = { type: "watch", requestId: 1, ...watch } as const;
  lone.feed({ type: "session-message", session: 2, message });
  const drain = { kind: "set-state", ...NAME, state: InstanceState.draining } as const;
  lone.command(1, { ...drain, timeoutMs: 60_000 });
  assert.deepEqual(lone.results(), []);
  lone.command(2, { ...drain, timeoutMs: 60_000 });
  const [first, ...others] = lone.results();
  assert.equal(first?.commandId, 1);
  assert.deepEqual(first?.result.unconfirmed, ["n/subscriber"]);
  assert.deepEqual(others, []);
});

// A confirmation of the first drain that came late ended the second.
test("a late confirmation of an earlier drain does not confirm a later one (P7)", () => {
  const lone = new LoneNode();
  lone.open(1, "provider");
  lone.register(1);
  lone.open(2, "subscriber");
  const watch = { service: "orders", position: [], digest: { high: 0, low: 0 } };
  const message = { type: "watch", requestId: 1, ...watch } as const;
  lone.feed({ type: "session-message", session: 2, message });
  const setState = { kind: "set-state", ...NAME, timeoutMs: 60_000 } as const;
  lone.command(1, { ...setState, state: InstanceState.draining });
  const shown = lone.sent(2).findLast((each) => each.type === "change");
  const stamp = shown?.groups[0]?.records[0]?.stamp;
  assert.ok(stamp !== undefined);
  lone.command(2, { ...setState, state: InstanceState.up });
  lone.command(3, { ...setState, state: InstanceState.draining });
  const { service, id } = NAME;
  const confirm = { type: "confirm", service, id, stamp } as const;
  lone.feed({ type: "session-message", session: 2, message: confirm });
  assert.ok(lone.results().every((each) => each.commandId !== 3));
});
