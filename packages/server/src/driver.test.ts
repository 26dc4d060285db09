import assert from "node:assert/strict";
import test from "node:test";
import { AssertionError, type Effect, type Instant, instant, type NodeEvent } from "@fpzk/core";
import { Driver, type EffectPerformers } from "./driver.js";
import { silentLogger } from "./logger.js";

/** Performers that note what they are given. */
function recordingPerformers(
  seen: Effect[],
  onEffect: (effect: Effect) => void = () => {},
): EffectPerformers {
  const note = (effect: Effect) => {
    seen.push(effect);
    onEffect(effect);
  };
  return {
    "send-sessions": note,
    "close-session": note,
    "send-links": note,
    "close-link": note,
    dial: note,
    "command-result": note,
    note,
    propagation: note,
    left: note,
  };
}

function scripted(step: (event: NodeEvent) => Effect[], deadline: () => number = () => Infinity) {
  return {
    step: (event: NodeEvent, _now: Instant) => step(event),
    nextDeadline: () => instant(deadline()),
  };
}

const unexpected = (error: Error) => {
  throw error;
};

test("events caused by effects are stepped after the event that caused them", () => {
  const order: string[] = [];
  const node = scripted((event) => {
    order.push(event.type);
    return event.type === "session-close" ? [{ type: "left" }] : [];
  });
  const driver = new Driver({ node, logger: silentLogger, onFatal: unexpected });
  driver.start(
    recordingPerformers([], () => {
      driver.submit({ type: "link-close", link: 1 });
      order.push("performed");
    }),
  );
  driver.submit({ type: "session-close", session: 1 });
  assert.deepEqual(order, ["tick", "session-close", "performed", "link-close"]);
  driver.stop();
});

test("many events in one turn of the loop end in one turn-end", async () => {
  const order: string[] = [];
  let onTurnEnd: () => void = () => {};
  const node = scripted((event) => {
    order.push(event.type);
    if (event.type === "turn-end") onTurnEnd();
    return [];
  });
  const driver = new Driver({ node, logger: silentLogger, onFatal: unexpected });
  const ended = new Promise<void>((resolve) => {
    onTurnEnd = resolve;
  });
  driver.start(recordingPerformers([]));
  driver.submit({ type: "session-close", session: 1 });
  driver.submit({ type: "session-close", session: 2 });
  await ended;
  // A second turn-end, if one was planned, would come in the same round of the loop.
  await new Promise(setImmediate);
  assert.deepEqual(order, ["tick", "session-close", "session-close", "turn-end"]);
  assert.equal(driver.turnCount, 1);
  driver.stop();
});

test("a deadline brings a tick", async () => {
  let tickCount = 0;
  let onSecond: () => void = () => {};
  const second = new Promise<void>((resolve) => {
    onSecond = resolve;
  });
  const node = scripted(
    (event) => {
      if (event.type === "tick") tickCount += 1;
      if (tickCount === 2) onSecond();
      return [];
    },
    () => performance.now() + 2,
  );
  const driver = new Driver({ node, logger: silentLogger, onFatal: unexpected });
  driver.start(recordingPerformers([]));
  await second;
  driver.stop();
});

test("a broken invariant stops the driver and is told once", () => {
  const fatal: Error[] = [];
  const node = scripted((event) => {
    if (event.type === "session-close") throw new AssertionError("version went backwards");
    return [];
  });
  const driver = new Driver({ node, logger: silentLogger, onFatal: (error) => fatal.push(error) });
  driver.start(recordingPerformers([]));
  driver.submit({ type: "session-close", session: 1 });
  driver.submit({ type: "session-close", session: 1 });
  assert.equal(fatal.length, 1);
  assert.match(fatal[0]?.message ?? "", /backwards/);
  assert.equal(driver.isStopped, true);
});
