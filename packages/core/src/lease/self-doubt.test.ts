import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../random.js";
import { instant } from "../time.js";
import { REMOVAL_COUNT_MIN, SelfDoubt, SILENCE_COUNT_MIN } from "./self-doubt.js";

const WINDOW_MS = 3_000;
const HOLD_MAX_MS = 60_000;
const LEASE_COUNT = 100;

function createDoubt(): SelfDoubt {
  const random = new SeededRandom(1);
  return new SelfDoubt({ windowMs: WINDOW_MS, holdMaxMs: HOLD_MAX_MS, random });
}

test("mass silence pauses expiry and resumes by itself with the next share", () => {
  const doubt = createDoubt();
  const share = LEASE_COUNT * 0.15;
  let waiting = LEASE_COUNT;
  let longestPauseMs = 0;
  for (let at = 0; waiting > 0; at += 100) {
    assert.ok(at < 60_000, "all must be admitted in the end");
    let admitted = 0;
    for (let index = 0; index < waiting; index += 1) {
      const admission = doubt.admitSilence(LEASE_COUNT, instant(at));
      if (admission === "now") admitted += 1;
      else longestPauseMs = Math.max(longestPauseMs, admission.until - at);
    }
    assert.ok(admitted <= share, `${admitted} at once is more than the share ${share}`);
    waiting -= admitted;
  }
  assert.ok(longestPauseMs <= WINDOW_MS * 1.25, `paused for ${longestPauseMs} ms`);
});

test("a few that fall silent never cause doubt, however small the node", () => {
  const doubt = createDoubt();
  for (let count = 0; count < SILENCE_COUNT_MIN; count += 1) {
    assert.equal(doubt.admitSilence(SILENCE_COUNT_MIN, instant(0)), "now");
  }
  assert.notEqual(doubt.admitSilence(SILENCE_COUNT_MIN, instant(0)), "now");
  assert.equal(doubt.paused(instant(1)), "many-silent");
  assert.equal(doubt.paused(instant(WINDOW_MS)), undefined);
});

test("a node that stalled expires nothing for one window", () => {
  const doubt = createDoubt();
  doubt.stalled(WINDOW_MS, instant(1_000));
  const removal = { suspectSince: instant(0), leaseCount: LEASE_COUNT, hasSilentNode: false };
  assert.notEqual(doubt.admitSilence(LEASE_COUNT, instant(1_500)), "now");
  assert.notEqual(doubt.admitRemoval(removal, instant(1_500)), "now");
  assert.equal(doubt.paused(instant(1_500)), "stalled");
  assert.equal(doubt.admitSilence(LEASE_COUNT, instant(1_000 + WINDOW_MS)), "now");
});

test("a node that stalled for less pauses for less, and never shortens a pause", () => {
  const doubt = createDoubt();
  doubt.stalled(600, instant(0));
  assert.equal(doubt.paused(instant(1_199)), "stalled");
  assert.equal(doubt.paused(instant(1_200)), undefined);
  doubt.stalled(60_000, instant(10_000));
  doubt.stalled(600, instant(10_700));
  assert.equal(doubt.paused(instant(12_999)), "stalled");
  assert.equal(doubt.paused(instant(13_000)), undefined);
});

test("unexplained silence of a node holds removal, up to the longest hold", () => {
  const doubt = createDoubt();
  const removal = { suspectSince: instant(0), leaseCount: LEASE_COUNT, hasSilentNode: true };
  const held = doubt.admitRemoval(removal, instant(10_000));
  assert.ok(held !== "now" && held.reason === "node-silent");
  assert.equal(doubt.admitRemoval(removal, instant(HOLD_MAX_MS)), "now");
  const heard = { ...removal, hasSilentNode: false };
  assert.equal(createDoubt().admitRemoval(heard, instant(10_000)), "now");
});

test("removals are capped in each window", () => {
  const doubt = createDoubt();
  const removal = { suspectSince: instant(0), leaseCount: 1, hasSilentNode: false };
  for (let count = 0; count < REMOVAL_COUNT_MIN; count += 1) {
    assert.equal(doubt.admitRemoval(removal, instant(0)), "now");
  }
  const held = doubt.admitRemoval(removal, instant(0));
  assert.ok(held !== "now" && held.reason === "many-removed");
});

test("the share grows with the node: a large one may lose more, and never more than it", () => {
  const doubt = createDoubt();
  let admitted = 0;
  for (let count = 0; count < 1_000; count += 1) {
    if (doubt.admitSilence(1_000, instant(0)) === "now") admitted += 1;
  }
  assert.equal(admitted, 150);
});

test("a new window begins from nothing", () => {
  const doubt = createDoubt();
  for (let round = 0; round < 10; round += 1) {
    for (let count = 0; count < SILENCE_COUNT_MIN; count += 1) {
      assert.equal(doubt.admitSilence(1, instant(round * WINDOW_MS)), "now");
    }
  }
});

test("who waits is spread by the seed: equal seeds wait equally, and not all until one instant", () => {
  const waits = () => {
    const doubt = createDoubt();
    doubt.stalled(WINDOW_MS, instant(0));
    return Array.from({ length: 20 }, () => {
      const admission = doubt.admitSilence(LEASE_COUNT, instant(10));
      assert.ok(admission !== "now");
      return admission.until;
    });
  };
  assert.deepEqual(waits(), waits());
  assert.ok(new Set(waits()).size > 15);
  for (const until of waits()) assert.ok(until >= WINDOW_MS && until <= WINDOW_MS * 1.25);
});

test("a held removal is looked at again soon, and a silent node does not hold the calling silent", () => {
  const doubt = createDoubt();
  const removal = { suspectSince: instant(0), leaseCount: LEASE_COUNT, hasSilentNode: true };
  const held = doubt.admitRemoval(removal, instant(10_000));
  assert.ok(held !== "now" && held.until > 10_000 && held.until <= 11_000);
  assert.equal(doubt.admitSilence(LEASE_COUNT, instant(10_000)), "now");
  assert.equal(doubt.paused(instant(10_000)), undefined, "held is not paused");
});
