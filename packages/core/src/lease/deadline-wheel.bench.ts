/** What a deadline costs: set, renewed as leases are, and expired. */
import { SeededRandom } from "../random.js";
import { instant } from "../time.js";
import { DeadlineWheel } from "./deadline-wheel.js";

export interface WheelBenchResult {
  readonly idCount: number;
  readonly setsPerSecond: number;
  readonly renewalsPerSecond: number;
  readonly expiriesPerSecond: number;
  /** Longest single `expire` while every id was renewed each second with a ttl of three. */
  readonly longestTurnMs: number;
  /** Deadlines that passed; all of the ids, once. */
  readonly expiredCount: number;
}

const TTL_MS = 3_000;
const RENEWAL_INTERVAL_MS = 1_000;
const TURN_MS = 50;

/** Runs `idCount` leases for `seconds` of simulated time, then lets all lapse. */
export function benchDeadlineWheel(idCount = 1_000_000, seconds = 5): WheelBenchResult {
  const wheel = new DeadlineWheel({ idCountMax: Math.max(1, idCount) });
  const random = new SeededRandom(1);
  const setMs = measureMs(() => {
    for (let id = 0; id < idCount; id += 1) {
      wheel.set(id, instant(TTL_MS + Math.floor(random.next() * RENEWAL_INTERVAL_MS)));
    }
  });
  const turnsPerRenewal = RENEWAL_INTERVAL_MS / TURN_MS;
  let renewalMs = 0;
  let renewalCount = 0;
  let longestTurnMs = 0;
  let expiredCount = 0;
  let now = 0;
  for (let turn = 0; turn < seconds * turnsPerRenewal; turn += 1) {
    now += TURN_MS;
    renewalMs += measureMs(() => {
      for (let id = turn % turnsPerRenewal; id < idCount; id += turnsPerRenewal) {
        wheel.set(id, instant(now + TTL_MS));
        renewalCount += 1;
      }
    });
    const turnMs = measureMs(() => {
      expiredCount += wheel.expire(instant(now)).length;
    });
    longestTurnMs = Math.max(longestTurnMs, turnMs);
  }
  let expiryMs = 0;
  while (wheel.count > 0) {
    expiryMs += measureMs(() => {
      expiredCount += wheel.expire(wheel.next()).length;
    });
  }
  return {
    idCount,
    setsPerSecond: perSecond(idCount, setMs),
    renewalsPerSecond: perSecond(renewalCount, renewalMs),
    expiriesPerSecond: perSecond(expiredCount, expiryMs),
    longestTurnMs: Math.round(longestTurnMs * 100) / 100,
    expiredCount,
  };
}

function measureMs(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

function perSecond(count: number, elapsedMs: number): number {
  return Math.round((count / Math.max(elapsedMs, 1e-3)) * 1_000);
}
