/** Each oracle of the checker passes what is right and fails what is wrong. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Checker } from "./checker.js";
import { differencesOf, type NodeContent, untruthsOf } from "./convergence.js";
import type { LogLine, RemovedLine, ShownLine, StampTriple } from "./log-line.js";

const VIEW = { program: "w/0", service: "s" } as const;

function shown(at: number, stamp: StampTriple, more: Partial<ShownLine> = {}): ShownLine {
  const state = { state: "up", liveness: "alive", owner: "p/0", serial: 0, pickedAt: 0 };
  return { type: "shown", at, ...VIEW, id: "i", stamp, ...state, ...more };
}

function removed(at: number, stamp: StampTriple, more: Partial<RemovedLine> = {}): RemovedLine {
  const rest = { owner: "p/0", reason: "connection-lost", pickedAt: 0 };
  return { type: "removed", at, ...VIEW, id: "i", stamp, ...rest, ...more };
}

function asked(at: number, ask: "drain" | "deregister" | "online"): LogLine {
  return { type: "asked", at, program: "p/0", ask, service: "s", id: "i", request: at };
}

function drained(askedAt: number, at: number, unconfirmed: string[] = []): LogLine[] {
  const common = { program: "p/0", service: "s", id: "i", request: askedAt } as const;
  return [
    { type: "asked", at: askedAt, ask: "drain", ...common },
    { type: "answered", at, ask: "drain", outcome: "ok", unconfirmed, ...common },
  ];
}

const ONLINE: LogLine = { type: "online", at: 1, program: "w/0", nodeId: "n" };
const KILLED: LogLine = { type: "killed", at: 500, process: "p", isServer: false };

/** The oracles that the lines violate, each once. */
function check(lines: readonly LogLine[], expected: readonly string[]): Checker {
  const checker = new Checker();
  for (const line of lines) checker.take(line);
  checker.settle(Number.POSITIVE_INFINITY);
  const found = new Set(checker.verdict.violations.map((each) => each.oracle));
  assert.deepEqual([...found].sort(), expected, JSON.stringify(checker.verdict.violations));
  return checker;
}

describe("the checker of fault runs", () => {
  test("S1 a removed instance comes back only under a higher stamp", () => {
    const wish = asked(1, "deregister");
    check([wish, shown(1, [1, 1, 0]), removed(2, [1, 1, 0]), shown(3, [1, 2, 0])], []);
    check([wish, shown(1, [1, 1, 0]), removed(2, [1, 1, 0]), shown(3, [1, 1, 0])], ["S1"]);
    check([wish, shown(1, [1, 2, 0]), removed(2, [1, 2, 0]), shown(3, [1, 1, 9])], ["S1"]);
  });

  test("S2 a view shrinks only by removals that have a reason and a wish", () => {
    const wished = { reason: "deregistered" };
    check([asked(1, "deregister"), shown(1, [1, 1, 0]), removed(2, [1, 1, 0], wished)], []);
    check([shown(1, [1, 1, 0]), removed(2, [1, 1, 0], wished)], ["S2"]);
    check([KILLED, shown(1, [1, 1, 0]), removed(900, [1, 1, 0], { reason: "" })], ["S2"]);
    const count = (of: number): LogLine => {
      return { type: "count", at: 5, ...VIEW, count: of, isCurrent: true };
    };
    check([shown(1, [1, 1, 0]), count(1)], []);
    check([shown(1, [1, 1, 0]), count(0)], ["S2"]);
    // What a process wrote before it was killed may be read after.
    check([shown(1, [1, 1, 0]), { ...KILLED, process: "w" }, count(1)], []);
  });

  test("S3 a view never goes back to a lower stamp or an older content", () => {
    check([shown(1, [1, 1, 0], { serial: 4 }), shown(2, [1, 1, 0], { serial: 5 })], []);
    check([shown(1, [1, 2, 0]), shown(2, [1, 1, 0])], ["S3"]);
    check([shown(1, [1, 1, 0], { serial: 5 }), shown(2, [1, 1, 0], { serial: 4 })], ["S3"]);
  });

  test("S4 nothing is removed whose program lives", () => {
    const lines = [shown(1, [1, 1, 0]), removed(1_000, [1, 1, 0])];
    check(lines, ["S4"]);
    check([...lines, KILLED], []);
    check([...lines, asked(900, "deregister")], []);
    check([...lines, { type: "stalled", at: 950, process: "p", elapsedMs: 4_000 }], []);
    const stopped: LogLine = { type: "stopped", at: 100, process: "p", isServer: false };
    check([...lines, stopped], []);
    // A machine with too much work proves nothing; a server that was stopped on purpose does.
    const starved: LogLine = { type: "stalled", at: 950, process: "us-1", elapsedMs: 700 };
    assert.equal(check([...lines, starved], []).verdict.excuseCounts.get("S4"), 1);
    const serverStopped: LogLine = { type: "stopped", at: 200, process: "us-1", isServer: true };
    const serverWoken: LogLine = { ...serverStopped, type: "continued", at: 940 };
    check([...lines, serverStopped, serverWoken, starved], ["S4"]);
    // Killed only after, and stopped long before: no excuse.
    check([...lines, { ...KILLED, at: 2_000 }], ["S4"]);
    const continued: LogLine = { ...stopped, type: "continued", at: 200 };
    const late = [shown(1, [1, 1, 0]), removed(90_000, [1, 1, 0])];
    check([...late, stopped, continued], ["S4"]);
  });

  test("S5 a superseded program does not win, and an incarnation has one owner", () => {
    const superseded: LogLine = {
      type: "superseded",
      at: 3,
      program: "p/0",
      service: "s",
      id: "i",
    };
    const first = shown(1, [1, 1, 0]);
    const second = shown(4, [2, 1, 0], { owner: "q/0" });
    check([superseded, first, second], []);
    check([superseded, first, second, shown(5, [3, 1, 0])], ["S5"]);
    // It had written that before it was told, and another view showed it then: it only came late.
    const elsewhere = shown(2, [3, 1, 0], { program: "w2/0" });
    check([superseded, first, second, shown(5, [3, 1, 0]), elsewhere], []);
    check([first, shown(2, [1, 2, 0], { owner: "q/0" })], ["S5"]);
  });

  test("L2 says how soon each view was told", () => {
    const suspect = shown(540, [1, 1, 0], { liveness: "suspect" });
    const lines = [shown(1, [1, 1, 0]), KILLED, suspect, removed(2_500, [1, 1, 0])];
    const { detections } = check(lines, []);
    assert.deepEqual(detections.told, [{ killedAt: 500, toldAt: 540, weather: "calm" }]);
    assert.deepEqual(detections.removed, [{ killedAt: 500, toldAt: 2_500, weather: "calm" }]);
    // A view that began later, or shows another's instance, was told of nothing.
    const [, ...later] = lines;
    assert.deepEqual(check(later, []).detections.told, []);
  });

  test("an update is measured from its program to each view, in whatever order logs are read", () => {
    const update: LogLine = {
      ...{ type: "asked", at: 10, program: "p/0", ask: "update", service: "s", id: "i" },
      ...{ request: 1, serial: 1 },
    };
    const before = shown(1, [1, 1, 0]);
    const after = shown(14, [1, 1, 0], { serial: 1 });
    const again = shown(20, [1, 1, 0], { serial: 1, liveness: "suspect" });
    const expected = [{ at: 10, ms: 4, process: "w" }];
    assert.deepEqual(check([before, update, after, again], []).latencies, expected);
    assert.deepEqual(check([before, after, update, again], []).latencies, expected);
    assert.deepEqual(check([update, after], []).latencies, []);
    const others = [shown(2, [1, 1, 0], { id: "j" }), shown(30, [2, 1, 0], { id: "j", serial: 1 })];
    assert.deepEqual(check([before, update, after, ...others], []).latencies, expected);
  });

  test("L2 weather is told: calm, a starved machine, other faults", () => {
    const lines = [shown(1, [1, 1, 0]), KILLED, shown(540, [1, 1, 0], { liveness: "suspect" })];
    const weatherWith = (...more: LogLine[]) =>
      check([...lines, ...more], []).detections.told.map((each) => each.weather);
    const starved: LogLine = { type: "stalled", at: 530, process: "q", elapsedMs: 600 };
    const fault = { type: "fault", at: 300, phase: "begin", detail: "" } as const;
    assert.deepEqual(weatherWith(), ["calm"]);
    assert.deepEqual(weatherWith(starved), ["starved"]);
    assert.deepEqual(weatherWith(starved, { ...fault, kind: "server-kill" }), ["faults"]);
    assert.deepEqual(weatherWith({ ...fault, kind: "client-kill" }), ["calm"]);
  });

  test("L3 a drain ends, and nobody picks what all confirmed", () => {
    const picked = (pickedAt: number, at = pickedAt + 1_000) =>
      removed(at, [1, 1, 1], { pickedAt, reason: "drained" });
    const wish = asked(150, "deregister");
    check([ONLINE, wish, ...drained(100, 120), picked(119, 200)], []);
    check([ONLINE, wish, ...drained(100, 120), picked(121, 200)], ["L3"]);
    check([ONLINE, wish, ...drained(100, 120, ["n/w"]), picked(121, 200)], []);
    check([ONLINE, wish, asked(130, "online"), ...drained(100, 120), picked(131, 200)], []);
    const offline: LogLine = { type: "offline", at: 110, program: "w/0", nodeId: "" };
    check([ONLINE, offline, wish, ...drained(100, 120), picked(121, 200)], []);
    check(drained(100, 90_000), ["L3"]);
    check([asked(100, "drain")], ["L3"]);
  });

  test("L1 views agree when they show what stands, alive, and nothing else", () => {
    const registered: LogLine = {
      ...{ type: "answered", at: 1, program: "p/0", ask: "register", service: "s", id: "i" },
      ...{ request: 1, outcome: "ok" },
    } as LogLine;
    const untruths = (...lines: LogLine[]) => check(lines, []).viewUntruths().length;
    assert.equal(untruths(registered, shown(2, [1, 1, 0])), 0);
    const count: LogLine = { type: "count", at: 5, ...VIEW, count: 0, isCurrent: true };
    assert.equal(untruths(registered, count), 1);
    assert.equal(untruths(registered, shown(2, [1, 1, 0], { liveness: "suspect" })), 1);
    assert.equal(untruths(shown(2, [1, 1, 0])), 1);
    assert.equal(untruths(registered, shown(2, [1, 1, 0]), KILLED), 1);
    // What the dead said and showed is no truth, also when it is read late.
    const watcherKilled: LogLine = { ...KILLED, process: "w" };
    assert.equal(untruths(KILLED, registered, watcherKilled, shown(2, [1, 1, 0])), 0);
    assert.equal(untruths(KILLED, registered, shown(2, [1, 1, 0])), 1);
  });

  test("an id stands for who claimed it before one that is superseded, until that one lets go", () => {
    const line = { at: 1, service: "s", id: "i", request: 1, ask: "register" } as const;
    const registered = (program: string): LogLine => {
      return { ...line, type: "answered", program, outcome: "ok" };
    };
    const checker = check([registered("p/0"), registered("q/0")], []);
    assert.deepEqual([...checker.standing], [["s/i", "q/0"]]);
    checker.take({ type: "superseded", at: 2, program: "q/0", service: "s", id: "i" });
    assert.deepEqual([...checker.standing], [["s/i", "p/0"]]);
    checker.take(asked(3, "deregister"));
    assert.deepEqual([...checker.standing], []);
    const both = check([registered("p/0"), registered("q/0"), registered("p/0")], []);
    both.take({ ...KILLED, process: "p" } as LogLine);
    assert.deepEqual([...both.standing], [["s/i", "q/0"]]);
  });

  test("L1 and L2 nodes agree when they hold the same, and that what stands", () => {
    const of = (liveness: string, serial = 0): NodeContent =>
      new Map([
        [
          "s/i",
          { stamp: [1, 1, 0], state: "up", liveness, ownerNodeId: "n", owner: "p/0", serial },
        ],
      ]);
    const standing = new Map([["s/i", "p/0"]]);
    assert.deepEqual(
      differencesOf(
        new Map([
          ["a", of("alive")],
          ["b", of("alive")],
        ]),
      ),
      [],
    );
    for (const other of [of("suspect"), of("alive", 1), new Map() as NodeContent]) {
      const contents = new Map([
        ["a", of("alive")],
        ["b", other],
      ]);
      assert.equal(differencesOf(contents).length, 1);
    }
    assert.deepEqual(untruthsOf("a", of("alive"), standing), []);
    assert.equal(untruthsOf("a", of("suspect"), standing).length, 1);
    assert.equal(untruthsOf("a", new Map(), standing).length, 1);
    assert.equal(untruthsOf("a", of("alive"), new Map()).length, 1);
    assert.equal(untruthsOf("a", of("alive"), new Map([["s/i", "q/0"]])).length, 1);
  });
});
