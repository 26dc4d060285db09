/**
 * The instances that one client cannot connect to, and when it accuses them at its node.
 *
 * Only connections count: a status, however bad, is the word of an instance that lives. It takes
 * {@link CONNECT_FAILURE_COUNT_MIN} failures that span {@link UNREACHED_MIN_MS} with no success in
 * between, so that a restart accuses nobody. The accusation is said again every
 * {@link ACCUSE_INTERVAL_MS} for as long as calls fail, and taken back with the first that succeeds.
 * Pure: time is passed in. What accusations do: `node/accusation-desk.ts`.
 */
import { Liveness } from "../instance.js";
import { ACCUSATION_PER_SECOND_MAX, UNREACHED_COUNT_MAX } from "../limits.js";
import type { ViewInstance } from "../pick/picker.js";
import { InstanceState } from "../record.js";
import { after, type Instant, instant } from "../time.js";
import { CallOutcome, type CallResult, outcomeOf } from "./call-result.js";

/** Failed connections in a row, one more than eject the instance by default. */
export const CONNECT_FAILURE_COUNT_MIN = 3;
/** From the first of them to the last. */
export const UNREACHED_MIN_MS = 2_000;
/** What failed longer ago than this is forgotten. */
export const UNREACHED_FORGET_MS = 60_000;
/** Less than half of the time for which an accusation counts. */
export const ACCUSE_INTERVAL_MS = 12_000;

/** What to tell the node: an accusation, or that it is over. */
export type AccuserWord = "accuse" | "retract";

interface Unreached {
  readonly incarnation: number;
  readonly firstAt: Instant;
  lastAt: Instant;
  count: number;
  /** When it was last accused; undefined: not yet. */
  accusedAt: Instant | undefined;
}

export class UnreachedInstances {
  /** By service and id; the one that failed first comes first. */
  readonly #unreached = new Map<string, Unreached>();
  #secondEnd: Instant = instant(Number.NEGATIVE_INFINITY);
  #wordCount = 0;

  /** Learns how a call went. Returns what to tell the node, if anything. */
  onResult(
    instance: Pick<ViewInstance, "service" | "id" | "stamp" | "state" | "liveness">,
    result: CallResult,
    now: Instant,
  ): AccuserWord | undefined {
    const outcome = outcomeOf(result);
    const isReached = outcome === CallOutcome.success || outcome === CallOutcome.rejected;
    if (isReached) return this.#reached(instance);
    // An answer that broke off, or did not come, proves neither.
    if (outcome !== CallOutcome.connectFailure) return undefined;
    const unreached = this.#failed(instance, now);
    const { count, firstAt, accusedAt } = unreached;
    if (count < CONNECT_FAILURE_COUNT_MIN || now < after(firstAt, UNREACHED_MIN_MS)) return;
    if (accusedAt !== undefined && now < after(accusedAt, ACCUSE_INTERVAL_MS)) return;
    // Everybody knows already, or nobody is meant to call it.
    if (instance.state !== InstanceState.up || instance.liveness === Liveness.suspect) return;
    if (!this.#mayTell(now)) return undefined;
    unreached.accusedAt = now;
    return "accuse";
  }

  #reached({ service, id }: { service: string; id: string }): "retract" | undefined {
    if (this.#unreached.size === 0) return undefined;
    const key = keyOf(service, id);
    const unreached = this.#unreached.get(key);
    this.#unreached.delete(key);
    return unreached?.accusedAt === undefined ? undefined : "retract";
  }

  #failed(
    { service, id, stamp }: Pick<ViewInstance, "service" | "id" | "stamp">,
    now: Instant,
  ): Unreached {
    const key = keyOf(service, id);
    const known = this.#unreached.get(key);
    const isSame =
      known !== undefined &&
      known.incarnation === stamp.incarnation &&
      now < after(known.lastAt, UNREACHED_FORGET_MS);
    if (isSame) {
      known.count += 1;
      known.lastAt = now;
      return known;
    }
    this.#unreached.delete(key);
    const [first] = this.#unreached.keys();
    if (first !== undefined && this.#unreached.size >= UNREACHED_COUNT_MAX) {
      this.#unreached.delete(first);
    }
    const unreached = {
      incarnation: stamp.incarnation,
      firstAt: now,
      lastAt: now,
      count: 1,
      accusedAt: undefined,
    };
    this.#unreached.set(key, unreached);
    return unreached;
  }

  /** Leaves half of what the node takes for retractions. */
  #mayTell(now: Instant): boolean {
    if (now >= this.#secondEnd) {
      this.#secondEnd = after(now, 1_000);
      this.#wordCount = 0;
    }
    this.#wordCount += 1;
    return this.#wordCount <= ACCUSATION_PER_SECOND_MAX / 2;
  }
}

function keyOf(service: string, id: string): string {
  return `${service}\u0001${id}`;
}
