import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { SeededRandom } from "../random.js";
import { type Instant, instant } from "../time.js";
import { PhiAccrualDetector, type PhiAccrualOptions } from "./phi-accrual.js";

const INTERVAL_MS = 1_000;

function detector(options: Partial<PhiAccrualOptions> = {}): PhiAccrualDetector {
  return new PhiAccrualDetector(instant(0), { expectedIntervalMs: INTERVAL_MS, ...options });
}

/** Standard normal, by Box and Muller. */
function normal(random: SeededRandom): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.next()));
  return radius * Math.cos(2 * Math.PI * random.next());
}

interface LinkRun {
  readonly falseSuspicionCount: number;
  /** From the last message of a peer that then dies, until it is suspect. */
  readonly detectionMs: number;
}

/** Heartbeats every second for `beatCount` beats, each late by `delayMsOf()`, in order like TCP. */
function runLink(
  beatCount: number,
  delayMsOf: () => number,
  options: Partial<PhiAccrualOptions> = {},
): LinkRun {
  const link = detector(options);
  let falseSuspicionCount = 0;
  let arrival = 0;
  for (let beat = 1; beat <= beatCount; beat += 1) {
    arrival = Math.max(arrival, beat * INTERVAL_MS + Math.max(0, delayMsOf()));
    if (link.isSuspect(instant(arrival))) falseSuspicionCount += 1;
    link.heard(instant(arrival));
  }
  return { falseSuspicionCount, detectionMs: link.nextCheck() - arrival };
}

describe("PhiAccrualDetector", () => {
  it("rates silence by the tail of the normal distribution", () => {
    const link = detector({ acceptablePauseMs: 0, stdDeviationMinMs: 100, windowCount: 2 });
    link.heard(instant(1_000));
    link.heard(instant(2_000));
    const check = (silenceMs: number, expected: number): void => {
      const phi = link.phi(instant(2_000 + silenceMs));
      assert.ok(Math.abs(phi - expected) < 1e-6 * Math.max(1, expected), `${phi} at ${silenceMs}`);
    };
    // Tails of the standard normal distribution: Q(-1), Q(0), Q(1), Q(3), Q(8).
    check(900, 0.075026013);
    check(1_000, 0.3010299957);
    check(1_100, 0.7995455414);
    check(1_300, 2.8696990359);
    check(1_800, 15.206142551);
  });

  it("stays finite and monotone where the tail itself is 0", () => {
    const link = detector();
    let before = -1;
    for (let ms = 0; ms < 1e7; ms += 9_973) {
      const phi = link.phi(instant(ms));
      assert.ok(Number.isFinite(phi) && phi > before, `${phi} at ${ms}`);
      before = phi;
    }
  });

  it("is suspect exactly from nextCheck on, where φ reaches the threshold", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 5_000, noNaN: true }), { maxLength: 300 }),
        fc.double({ min: 0.5, max: 20, noNaN: true }),
        (gapsMs, threshold) => {
          const link = detector({ threshold, windowCount: 50 });
          let now = 0;
          for (const gapMs of gapsMs) {
            now += gapMs;
            link.heard(instant(now));
          }
          const crossing = link.nextCheck();
          assert.ok(Number.isFinite(crossing) && crossing > now);
          assert.equal(link.isSuspect(crossing), true);
          assert.equal(link.isSuspect((crossing - 0.001) as Instant), false);
          assert.ok(Math.abs(link.phi(crossing) - threshold) < 1e-4, `${link.phi(crossing)}`);
        },
      ),
    );
  });

  it("has patience for the promised interval before it has learned anything", () => {
    const link = detector();
    assert.equal(link.isSuspect(instant(2_000)), false);
    assert.equal(link.isSuspect(instant(4_000)), true);
  });

  it("never suspects a regular link, and notices its death within three intervals", () => {
    const { falseSuspicionCount, detectionMs } = runLink(20_000, () => 0);
    assert.equal(falseSuspicionCount, 0);
    assert.ok(detectionMs > 2_000 && detectionMs < 3_000, `${detectionMs}`);
  });

  it("never suspects a WAN link with jitter; patience grows with it", () => {
    const random = new SeededRandom(7);
    const calm = runLink(20_000, () => 120 + 10 * normal(random));
    const rough = runLink(20_000, () => 120 + 250 * Math.abs(normal(random)));
    assert.equal(calm.falseSuspicionCount, 0);
    assert.equal(rough.falseSuspicionCount, 0);
    assert.ok(rough.detectionMs > calm.detectionMs + 200);
    assert.ok(rough.detectionMs < 5_000, `${rough.detectionMs}`);
  });

  it("forgives the heavy tail of a lossy link: one in twenty a TCP retransmission late", () => {
    const random = new SeededRandom(8);
    const lossy = runLink(20_000, () => (random.next() < 0.05 ? 300 + 600 * random.next() : 80));
    assert.equal(lossy.falseSuspicionCount, 0);
    assert.ok(lossy.detectionMs < 4_000, `${lossy.detectionMs}`);
  });

  it("without pause and floor, suspects what the defaults forgive", () => {
    const random = new SeededRandom(8);
    const strict = runLink(20_000, () => (random.next() < 0.05 ? 300 + 600 * random.next() : 80), {
      acceptablePauseMs: 0,
      stdDeviationMinMs: 1,
      windowCount: 10,
    });
    assert.ok(strict.falseSuspicionCount > 100, `${strict.falseSuspicionCount}`);
  });

  it("learns mean and deviation of the last gaps only", () => {
    const windowCount = 7;
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1_000, max: 2_000 }), { minLength: windowCount }),
        (gapsMs) => {
          const link = detector({ windowCount, threshold: 8, stdDeviationMinMs: 1e-3 });
          let now = 0;
          for (const gapMs of gapsMs) {
            now += gapMs;
            link.heard(instant(now));
          }
          const last = gapsMs.slice(-windowCount);
          const mean = last.reduce((sum, gapMs) => sum + gapMs, 0) / windowCount;
          const squares = last.reduce((sum, gapMs) => sum + (gapMs - mean) ** 2, 0);
          const deviation = Math.max(1e-3, Math.sqrt(squares / windowCount));
          // Q(5.6120) is 10^-8.
          const patienceMs = mean + 1_000 + 5.612 * deviation;
          const actualMs = link.nextCheck() - now;
          assert.ok(Math.abs(actualMs - patienceMs) < 0.1, `${actualMs}, not ${patienceMs}`);
        },
      ),
    );
  });

  it("does not forget a link's jitter over a burst", () => {
    const random = new SeededRandom(9);
    const link = detector();
    let now = 0;
    for (let beat = 0; beat < 300; beat += 1) {
      now += 900 + 600 * random.next();
      link.heard(instant(now));
    }
    const before = link.nextCheck() - link.lastHeard;
    for (let message = 0; message < 1_000; message += 1) {
      now += 1;
      link.heard(instant(now));
    }
    assert.equal(link.nextCheck() - link.lastHeard, before);
  });

  it("has patience for the promised interval also after a busy time", () => {
    const link = detector();
    let now = 0;
    for (let message = 0; message < 300; message += 1) {
      now += 600;
      link.heard(instant(now));
    }
    const patienceMs = link.nextCheck() - now;
    assert.ok(patienceMs > INTERVAL_MS + 1_000 + 5 * 100, `${patienceMs}`);
  });

  it("is not taught impatience by a burst", () => {
    const link = detector();
    let now = 0;
    for (let message = 0; message < 10_000; message += 1) {
      now += 1;
      link.heard(instant(now));
    }
    assert.equal(link.isSuspect(instant(now + 2 * INTERVAL_MS)), false);
    assert.equal(link.isSuspect(instant(now + 4 * INTERVAL_MS)), true);
  });

  it("notices a second death as soon after an hour's partition", () => {
    const link = detector();
    for (let beat = 1; beat <= 300; beat += 1) link.heard(instant(beat * INTERVAL_MS));
    const before = link.nextCheck() - link.lastHeard;
    assert.equal(link.isSuspect(instant(3_600_000)), true);
    link.heard(instant(3_600_000));
    assert.equal(link.isSuspect(instant(3_601_000)), false);
    const afterwards = link.nextCheck() - link.lastHeard;
    assert.ok(afterwards < before + 500, `${afterwards} after ${before}`);
  });

  it("learns a link that became slower for good", () => {
    const link = detector();
    let now = 0;
    let suspicionCount = 0;
    for (let beat = 0; beat < 400; beat += 1) {
      now += 5_000;
      if (link.isSuspect(instant(now))) suspicionCount += 1;
      link.heard(instant(now));
    }
    assert.ok(suspicionCount > 0 && suspicionCount < 50, `${suspicionCount}`);
  });

  it("forgives the time in which the listener stood still, and no more", () => {
    const link = detector();
    const suspectAt = link.nextCheck();
    link.forgive(5_000, instant(6_000));
    assert.equal(link.nextCheck(), suspectAt + 5_000);
    assert.equal(link.lastHeard, 5_000);
    link.forgive(60_000, instant(7_000));
    assert.equal(link.lastHeard, 7_000, "not heard in the future");
  });

  it("ignores a clock that stands still or steps back", () => {
    const link = detector();
    link.heard(instant(1_000));
    link.heard(instant(1_000));
    link.heard(instant(500));
    assert.equal(link.lastHeard, 1_000);
  });

  it("refuses options outside their bounds", () => {
    assert.throws(() => detector({ expectedIntervalMs: 0 }), /expectedIntervalMs 0/);
    assert.throws(() => detector({ threshold: 0 }), /threshold 0/);
    assert.throws(() => detector({ threshold: 101 }), /threshold 101/);
    assert.throws(() => detector({ windowCount: 1 }), /windowCount 1/);
    assert.throws(() => detector({ stdDeviationMinMs: 0 }), /stdDeviationMinMs 0/);
    assert.throws(() => detector({ acceptablePauseMs: -1 }), /acceptablePauseMs -1/);
  });
});
