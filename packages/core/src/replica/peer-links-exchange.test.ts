import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DELTA_MAX_BYTES } from "../limits.js";
import { recordFor } from "../record.fixture.js";
import { compareStamps, InstanceState, Scope } from "../record.js";
import { after } from "../time.js";
import { Copies, type Copy, live, remove, TOMBSTONE_TTL_MS, write } from "./peer-links.fixture.js";

function joined(): { copies: Copies; a: Copy; b: Copy } {
  const copies = new Copies();
  const [a, b] = [copies.add("a"), copies.add("b")];
  copies.join(a, b);
  copies.settle();
  return { copies, a, b };
}

/** Lets tombstones lapse at a copy, so that its watermarks rise. */
function forget(copies: Copies, copy: Copy): void {
  copies.now = after(copies.now, TOMBSTONE_TTL_MS);
  copy.replica.collectTombstones(copies.now, 1_000);
}

describe("push", () => {
  it("a turn's writes go to the whole mesh at once, as one message", () => {
    const copies = new Copies();
    const [a, b, c] = [copies.add("a"), copies.add("b"), copies.add("c")];
    for (const peer of [b, c]) copies.join(a, peer);
    copies.settle();
    copies.log.length = 0;
    write(copies, a, "1");
    write(copies, a, "2");
    write(copies, a, "1");
    copies.push(a);
    assert.deepEqual(
      copies.deltas().map(({ to, message }) => [to, message.groups[0]?.records.length]),
      [
        ["b", 2],
        ["c", 2],
      ],
    );
    copies.settle();
    assert.deepEqual(
      [live(b), live(c)],
      [
        ["1", "2"],
        ["1", "2"],
      ],
    );
    copies.log.length = 0;
    copies.push(a);
    assert.deepEqual(copies.log, [], "what was said is not said again");
  });

  it("nothing is pushed over a link that has not said what it holds", () => {
    const copies = new Copies();
    const [a, b] = [copies.add("a"), copies.add("b")];
    copies.join(a, b);
    write(copies, a, "1");
    copies.push(a);
    assert.equal(copies.deltas().length, 0);
    copies.settle();
    assert.deepEqual(live(b), ["1"], "the first digest is answered with what it lacks");
  });

  it("a congested link is skipped and then gets the latest of each key once (P10)", () => {
    const { copies, a, b } = joined();
    const link = a.links.toNode("b");
    assert.ok(link);
    link.isCongested = true;
    for (let bytes = 1; bytes <= 50; bytes += 1) {
      write(copies, a, "1", { bytes });
      copies.push(a);
    }
    assert.equal(copies.deltas().length, 0);
    link.isCongested = false;
    a.links.catchUp();
    copies.push(a);
    copies.settle();
    assert.deepEqual(
      copies.deltas().map(({ message }) => message.groups[0]?.records.map((one) => one.version)),
      [[50]],
    );
    assert.equal(b.replica.table.read(b.replica.find(recordFor("1"))).body.length, 50);
  });

  it("a delta that does not attach changes nothing and is repaired", () => {
    const { copies, a, b } = joined();
    write(copies, a, "1");
    copies.push(a);
    copies.lose();
    write(copies, a, "2");
    copies.push(a);
    copies.settle();
    assert.equal(b.counters.gaps, 1);
    assert.deepEqual(live(b), ["1", "2"]);
  });

  it("much news goes out in parts within the byte budget, and arrives whole", () => {
    const { copies, a, b } = joined();
    for (let id = 0; id < 60; id += 1) write(copies, a, `${id}`, { bytes: 16_000 });
    copies.push(a);
    copies.settle();
    assert.equal(live(b).length, 60);
    assert.ok(copies.deltas().length >= 4);
    for (const { message } of copies.deltas()) {
      const records = message.groups.flatMap((group) => group.records);
      const bytes = records.reduce((sum, one) => sum + one.body.length, 0);
      assert.ok(bytes <= DELTA_MAX_BYTES + 16_000, `${bytes} bytes in one delta`);
    }
  });
});

describe("regions", () => {
  it("a region's records never cross its border, by no kind of message", () => {
    const copies = new Copies();
    const [a, b, far] = [copies.add("a"), copies.add("b"), copies.add("far", "other")];
    copies.join(a, b);
    copies.join(a, far);
    copies.settle();
    write(copies, a, "here", { scope: Scope.region });
    write(copies, a, "everywhere");
    copies.push(a, [far]);
    copies.settle();
    copies.round("now");
    assert.deepEqual([live(b), live(far)], [["everywhere", "here"], ["everywhere"]]);
    remove(copies, a, "everywhere");
    forget(copies, a);
    copies.round("now");
    for (const { to, message } of copies.log) {
      if (to !== "far" || message.type === "route") continue;
      const streams = message.type === "digest" ? message.entries : message.groups;
      assert.ok(
        streams.every(({ origin }) => origin.scope === Scope.global),
        message.type,
      );
    }
  });

  it("what a neighbour's border let through by mistake is refused here", () => {
    const copies = new Copies();
    const [a, far] = [copies.add("a"), copies.add("far", "other")];
    copies.join(a, far);
    copies.settle();
    const link = a.links.toNode("far");
    assert.ok(link);
    const origin = { nodeId: "far", generation: 1, scope: Scope.region };
    const group = { origin, from: 0, to: 1, records: [recordFor("x", { origin })] };
    a.links.receiveDelta(link, { type: "delta", groups: [group] }, copies.now);
    const reset = { type: "reset", origins: [], isFinal: true, entries: [], floors: [] } as const;
    a.links.receiveReset(link, { ...reset, groups: [group] }, copies.now);
    assert.deepEqual(live(a), []);
  });

  it("a relay passes on to its mesh what came from another region, each once", () => {
    const copies = new Copies();
    const far = copies.add("far", "other");
    const [relay, b, c] = [copies.add("a"), copies.add("b"), copies.add("c")];
    copies.join(far, relay);
    copies.join(relay, b);
    copies.join(relay, c);
    copies.join(b, c);
    copies.settle();
    copies.log.length = 0;
    write(copies, far, "1");
    copies.push(far, [relay]);
    copies.settle();
    for (const copy of [relay, b, c]) copies.push(copy);
    copies.settle();
    assert.deepEqual([live(relay), live(b), live(c)], [["1"], ["1"], ["1"]]);
    assert.deepEqual(
      copies.deltas().map(({ from, to }) => `${from} ${to}`),
      ["far a", "a b", "a c"],
    );
  });
});

describe("repair", () => {
  it("any connected graph converges by digests alone (P2)", () => {
    const copies = new Copies();
    const line = ["a", "b", "c", "d"].map((id) => copies.add(id));
    line.slice(1).forEach((copy, index) => {
      const before = line[index];
      assert.ok(before);
      copies.join(before, copy);
    });
    line.forEach((copy, index) => void write(copies, copy, `${index}`));
    for (let round = 0; round < 6; round += 1) copies.round();
    for (const copy of line) assert.deepEqual(live(copy), ["0", "1", "2", "3"]);
  });

  it("a round sends again only what was lacking a round ago: news has its chance first", () => {
    const { copies, a, b } = joined();
    copies.round();
    write(copies, a, "1");
    copies.log.length = 0;
    copies.round();
    assert.deepEqual([copies.deltas().length, live(b)], [0, []]);
    copies.round();
    assert.deepEqual([copies.deltas().length, live(b)], [1, ["1"]]);
  });

  it("divergence of equal versions: the writer's content counts, and it writes anew what lives", () => {
    const { copies, a, b } = joined();
    a.isHeard = (id) => id === "2";
    for (const id of ["1", "2", "3"]) write(copies, a, id);
    copies.push(a);
    copies.settle();
    b.replica.table.put(recordFor("1", { body: new Uint8Array([66]), version: 1 }));
    for (const id of ["2", "3"]) b.replica.table.remove(b.replica.find(recordFor(id)));
    const before = a.replica.table.stamp(a.replica.find(recordFor("2")));
    copies.round();
    assert.equal(a.counters.divergences, 1);
    copies.push(a);
    copies.settle();
    assert.deepEqual(
      [live(a), live(b)],
      [
        ["1", "2"],
        ["1", "2"],
      ],
    );
    assert.deepEqual(a.collected, ["3"], "nobody is heard of it");
    const after = b.replica.table.stamp(b.replica.find(recordFor("2")));
    assert.ok(compareStamps(after, before) > 0, "never again with the stamp that was seen gone");
    assert.deepEqual(
      b.replica.table.read(b.replica.find(recordFor("1"))).body,
      new Uint8Array([1]),
    );
    copies.round();
    assert.deepEqual(a.replica.digest(true), b.replica.digest(true));
  });

  it("a divergence that does not heal is tried ever more seldom (P10)", () => {
    const { copies, a, b } = joined();
    write(copies, a, "1");
    copies.push(a);
    copies.settle();
    const resets: number[] = [];
    for (let round = 1; round <= 20; round += 1) {
      b.replica.table.put(recordFor("1", { body: new Uint8Array([66]), version: 1 }));
      const before = a.counters.resetsSent;
      copies.round();
      if (a.counters.resetsSent > before) resets.push(round);
    }
    assert.deepEqual(resets, [1, 2, 4, 8, 16]);
  });
});

describe("reset", () => {
  /** B holds 1 and 2, then is away while A removes 1 and forgets the tombstone. */
  function away(): { copies: Copies; a: Copy; b: Copy } {
    const { copies, a, b } = joined();
    write(copies, a, "1");
    write(copies, a, "2");
    write(copies, b, "b");
    copies.push(a);
    copies.push(b);
    copies.settle();
    copies.cut(a, b);
    remove(copies, a, "1");
    forget(copies, a);
    return { copies, a, b };
  }

  it("below a watermark, what the giver no longer holds is dropped and said to be gone (P5)", () => {
    const { copies, a, b } = away();
    copies.join(a, b);
    copies.settle();
    assert.equal(a.counters.resetsSent, 1);
    assert.deepEqual(live(b), ["2", "b"]);
    assert.deepEqual(b.collected, ["1"]);
    assert.deepEqual(live(a), ["2", "b"]);
    copies.round();
    assert.equal(a.counters.resetsSent, 1, "once");
  });

  it("what the giver has not seen stays", () => {
    const { copies, a, b } = away();
    const c = copies.add("c");
    copies.join(b, c);
    copies.settle();
    write(copies, c, "c");
    copies.push(c);
    copies.settle();
    copies.cut(b, c);
    write(copies, b, "b2");
    copies.join(a, b);
    copies.settle();
    assert.deepEqual(live(b), ["2", "b", "b2", "c"]);
  });

  it("who is below a watermark is never patched, so that nothing hides what it missed (P5)", () => {
    const { copies, a, b } = away();
    b.isReady = false;
    copies.join(a, b);
    copies.lose();
    copies.greet(b, a, "none");
    copies.settle();
    write(copies, a, "3");
    copies.push(a);
    copies.settle();
    assert.deepEqual(live(b), ["1", "2", "b"], "another link fills it: it waits for a reset");
    b.isReady = true;
    copies.round("now");
    assert.deepEqual(live(b), ["2", "3", "b"]);
  });

  it("a node that is still filling gives no reset: its lacking records prove nothing", () => {
    const { copies, a, b } = away();
    a.isReady = false;
    copies.join(a, b);
    copies.settle();
    assert.equal(a.counters.resetsSent, 0);
    assert.deepEqual(live(b), ["1", "2", "b"]);
  });

  it("a reset by one who was away brings nothing back that was seen and is gone (P5)", () => {
    const { copies, a, b } = away();
    // B in its turn forgot a tombstone that A missed, so both give each other everything.
    remove(copies, b, "b");
    forget(copies, b);
    copies.join(a, b);
    copies.settle();
    assert.deepEqual([a.counters.resetsReceived, b.counters.resetsReceived], [1, 1]);
    for (let round = 0; round < 3; round += 1) copies.round("now");
    assert.deepEqual([live(a), live(b)], [["2"], ["2"]]);
    assert.deepEqual(a.replica.digest(true), b.replica.digest(true));
  });

  it("nor of a third one's: who has seen the removal is not told otherwise (P5)", () => {
    const { copies, a, b } = joined();
    const c = copies.add("c");
    copies.join(a, c);
    copies.settle();
    write(copies, c, "x");
    write(copies, b, "b");
    for (let round = 0; round < 3; round += 1) copies.round("now");
    assert.deepEqual(live(b), ["b", "x"]);
    copies.cut(a, b);
    remove(copies, c, "x");
    copies.round("now");
    remove(copies, b, "b");
    for (const copy of [a, b]) forget(copies, copy);
    assert.deepEqual([live(a), live(b)], [["b"], ["x"]]);
    copies.join(b, a);
    copies.settle();
    assert.deepEqual([a.counters.resetsReceived, b.counters.resetsReceived], [1, 1]);
    assert.deepEqual([live(a), live(b)], [[], []]);
  });

  it("nobody tells a node what it wrote itself, not even to heal a divergence", () => {
    const { copies, a } = joined();
    const link = a.links.toNode("b");
    assert.ok(link);
    const origin = a.replica.ownOrigin(Scope.global);
    const group = { origin, records: [recordFor("ghost", { origin })] };
    const rest = { isFinal: true, entries: [], floors: [] };
    const reset = { type: "reset", origins: [origin], groups: [group], ...rest } as const;
    a.links.receiveReset(link, reset, copies.now);
    assert.deepEqual(live(a), []);
  });

  it("comes in parts, and no record is missing between the first and the last", () => {
    const { copies, a, b } = away();
    for (let id = 100; id < 180; id += 1) write(copies, a, `${id}`, { bytes: 16_000 });
    copies.join(a, b);
    copies.settle();
    const resets = copies.log.flatMap(({ message }) => (message.type === "reset" ? [message] : []));
    assert.ok(resets.length > 3);
    assert.deepEqual(
      resets.map((part) => part.isFinal),
      [...resets.slice(1).map(() => false), true],
    );
    assert.ok(resets.slice(0, -1).every((part) => part.entries.length === 0));
    assert.equal(live(b).length, 82);
    assert.deepEqual(a.replica.digest(true), b.replica.digest(true));
  });

  it("a transfer that waits until a tombstone is forgotten patches nothing (P5)", () => {
    const { copies, a, b } = joined();
    for (const id of ["1", "2"]) write(copies, a, id);
    copies.push(a);
    copies.settle();
    const [link] = a.links.all;
    assert.ok(link);
    link.isCongested = true;
    remove(copies, a, "1");
    write(copies, a, "3");
    // B lags for two rounds: a delta is to go, and waits.
    copies.round();
    copies.round();
    assert.ok(link.transfer);
    forget(copies, a);
    link.isCongested = false;
    for (let round = 0; round < 3; round += 1) copies.round();
    assert.deepEqual(
      [live(a), live(b)],
      [
        ["2", "3"],
        ["2", "3"],
      ],
    );
    assert.deepEqual([a.counters.divergences, b.counters.divergences], [0, 0]);
  });

  it("a tombstone that is there is patched as it is: no reset", () => {
    const { copies, a, b } = joined();
    write(copies, a, "1");
    copies.push(a);
    copies.settle();
    copies.cut(a, b);
    remove(copies, a, "1");
    copies.join(a, b);
    copies.settle();
    assert.equal(a.counters.resetsSent, 0);
    assert.deepEqual(live(b), []);
    const slot = b.replica.find(recordFor("1"));
    assert.equal(b.replica.table.state(slot), InstanceState.removed);
  });
});
