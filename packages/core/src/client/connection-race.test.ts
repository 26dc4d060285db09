import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { after, instant, NEVER } from "../time.js";
import { type Attempt, ConnectionRace, RACE_INTERVAL_MS } from "./connection-race.js";

const TIMEOUT_MS = 3_000;

function raceOf(...startedAt: number[]): { race: ConnectionRace; attempts: Attempt[] } {
  const race = new ConnectionRace();
  const attempts = startedAt.map((at, number) => {
    const server = { address: `10.0.0.${number}:7100`, serverName: undefined };
    const deadline = after(instant(at), TIMEOUT_MS);
    const attempt: Attempt = { number, server, deadline, refusal: undefined };
    race.add(attempt, instant(at));
    return attempt;
  });
  return { race, attempts };
}

describe("a race of connections", () => {
  test("a process on time calls the next server when the one before took its time", () => {
    const { race } = raceOf(1_000);
    const due = race.deadline();
    assert.equal(due, 1_000 + RACE_INTERVAL_MS);
    assert.deepEqual(race.overdue(due), []);
    assert.equal(race.isNextDue(due), true);
  });

  test("a process that stood still gives servers the time again, and calls no further one", () => {
    const { race, attempts } = raceOf(1_000, 1_250);
    const lateMs = 9_000;
    const now = after(race.deadline(), lateMs);
    assert.deepEqual(race.overdue(now), []);
    assert.equal(race.isNextDue(now), false);
    assert.deepEqual(
      attempts.map(({ deadline }) => deadline),
      [1_000 + TIMEOUT_MS + lateMs, 1_250 + TIMEOUT_MS + lateMs],
    );
    assert.equal(race.deadline(), now + RACE_INTERVAL_MS);
    const end = instant(1_000 + TIMEOUT_MS + lateMs);
    race.pause(NEVER);
    assert.deepEqual(race.overdue(end), attempts.slice(0, 1));
  });
});
