import assert from "node:assert/strict";
import { test } from "node:test";
import { EventQueue } from "./event-queue.js";
import { Network } from "./network.js";
import { CLEAR } from "./weather.js";

/** Hosts a and b in us, c in eu; time is set by hand. */
function createNetwork() {
  const clock = { now: 0 };
  const network = new Network({
    ...{ queue: new EventQueue(), now: () => clock.now, windowBytes: 1_000 },
    delayMs: (from, to) => (from === to ? 1 : 60),
  });
  network.place("a", "us");
  network.place("b", "us");
  network.place("c", "eu");
  return { network, clock };
}

test("cuts count for hosts that come later, and each is mended alone", () => {
  const { network, clock } = createNetwork();
  const isRegion = (host: string) => network.regionOf(host) === "eu";
  const mendRegion = network.cutWays((from, to) => isRegion(from) !== isRegion(to));
  network.cut("a", "c");
  network.place("d", "eu");
  assert.equal(network.isCut("b", "d"), true);
  assert.equal(network.isCut("c", "d"), false);
  clock.now = 5;
  mendRegion();
  assert.equal(network.isCut("b", "d"), false);
  assert.equal(network.isReachable("c", "a"), false, "one way is enough to be out of reach");
  clock.now = 9;
  network.mend("a", "c");
  assert.equal(network.openSince("a", "c"), 9);
  assert.equal(network.openSince("c", "a"), 9);
  assert.equal(network.openSince("b", "d"), 5);
  assert.equal(network.openSince("a", "b"), 0);
});

test("a host that moved is reached by new cables from then on", () => {
  const { network, clock } = createNetwork();
  assert.equal(network.delayMs("a", "b"), 1);
  clock.now = 7;
  network.place("b", "eu");
  assert.equal(network.delayMs("a", "b"), 60);
  assert.equal(network.openSince("a", "b"), 7);
  assert.equal(network.openSince("a", "c"), 0);
});

test("of two kinds of weather in one place the worse counts, until each ends", () => {
  const { network } = createNetwork();
  const end = network.worsen(() => true, { lossRatio: 0.1, bytesPerMs: 5 });
  network.worsen((from) => from === "a", { lossRatio: 0.05, jitterMs: 9, bytesPerMs: 1 });
  assert.deepEqual(network.weatherOf("b", "c"), { ...CLEAR, lossRatio: 0.1, bytesPerMs: 5 });
  const both = { ...CLEAR, lossRatio: 0.1, jitterMs: 9, bytesPerMs: 1 };
  assert.deepEqual(network.weatherOf("a", "c"), both);
  end();
  assert.deepEqual(network.weatherOf("b", "c"), CLEAR);
  network.clearWeather();
  assert.deepEqual(network.weatherOf("a", "c"), CLEAR);
});
