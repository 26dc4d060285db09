/**
 * Runs a node: one queue of events, one step per event, its effects at once and in order.
 *
 * The driver decides nothing. It is the only place that calls `step`, so "messages are encoded
 * before the next step" holds because performers are synchronous.
 */
import { AssertionError, type Effect, type Instant, instant, type NodeEvent } from "@fpzk/core";
import type { Logger } from "./logger.js";

/** The part of core's node that the driver needs. */
export interface SteppedNode {
  step(event: NodeEvent, now: Instant): readonly Effect[];
  /** When the node wants a `tick` next. */
  nextDeadline(): Instant;
}

type EffectOf<T extends Effect["type"]> = Extract<Effect, { type: T }>;

/** One performer per effect: a forgotten one does not compile. */
export type EffectPerformers = {
  readonly [T in Effect["type"]]: (effect: EffectOf<T>) => void;
};

export interface DriverOptions {
  readonly node: SteppedNode;
  readonly logger: Logger;
  /** A broken invariant: the node must not run on. Called once. */
  readonly onFatal: (error: Error) => void;
  readonly now?: () => Instant;
}

/** Longest time between two ticks, so that a wrong deadline cannot silence a node. */
const TICK_INTERVAL_MAX_MS = 1_000;
const TICK_INTERVAL_MIN_MS = 1;
/** Events that one event may cause in turn (a dial that fails at once, a session that closes). */
const QUEUE_COUNT_MAX = 1_000_000;

/** The monotonic clock of this process. */
export function monotonicNow(): Instant {
  return instant(performance.now());
}

export class Driver {
  readonly #node: SteppedNode;
  readonly #logger: Logger;
  readonly #onFatal: (error: Error) => void;
  readonly #now: () => Instant;
  #performers: EffectPerformers | undefined;
  #onTurnEnd: () => void = () => {};
  #queue: NodeEvent[] = [];
  #isRunning = false;
  #isTurnEndPlanned = false;
  #isStopped = false;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #eventCount = 0;
  #turnCount = 0;

  constructor(options: DriverOptions) {
    this.#node = options.node;
    this.#logger = options.logger;
    this.#onFatal = options.onFatal;
    this.#now = options.now ?? monotonicNow;
  }

  /** Events stepped so far. */
  get eventCount(): number {
    return this.#eventCount;
  }

  /** Turns of the event loop that had input. */
  get turnCount(): number {
    return this.#turnCount;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  now(): Instant {
    return this.#now();
  }

  /**
   * Performers need the driver and the driver them, so they come second.
   *
   * @param onTurnEnd - Called when all of a turn's effects are performed: flush what they wrote.
   */
  start(performers: EffectPerformers, onTurnEnd: () => void = () => {}): void {
    this.#performers = performers;
    this.#onTurnEnd = onTurnEnd;
    this.submit({ type: "tick" });
  }

  /** Steps the event now, or after the one that is being stepped. */
  submit(event: NodeEvent): void {
    if (this.#isStopped) return;
    this.#queue.push(event);
    if (this.#isRunning) return;
    this.#run();
  }

  /** Nothing is stepped any more. */
  stop(): void {
    this.#isStopped = true;
    this.#queue = [];
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #run(): void {
    this.#isRunning = true;
    try {
      // The queue grows only by what its own events cause.
      for (let index = 0; index < this.#queue.length; index += 1) {
        if (index >= QUEUE_COUNT_MAX) {
          throw new AssertionError(`events cause each other without end (${QUEUE_COUNT_MAX})`);
        }
        this.#stepOne(this.#queue[index] as NodeEvent);
        if (this.#isStopped) break;
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#queue = [];
      this.#isRunning = false;
    }
  }

  #stepOne(event: NodeEvent): void {
    this.#eventCount += 1;
    const effects = this.#node.step(event, this.#now());
    for (const effect of effects) this.#perform(effect);
    if (event.type === "turn-end") this.#armTimer();
    else this.#planTurnEnd();
  }

  #perform(effect: Effect): void {
    const performers = this.#performers;
    if (performers === undefined) return;
    // Each effect goes to the performer of its own type; the mapped type above says so.
    (performers[effect.type] as (effect: Effect) => void)(effect);
  }

  #planTurnEnd(): void {
    if (this.#isTurnEndPlanned) return;
    this.#isTurnEndPlanned = true;
    setImmediate(() => {
      this.#isTurnEndPlanned = false;
      this.#turnCount += 1;
      this.submit({ type: "turn-end" });
      this.#onTurnEnd();
    });
  }

  #armTimer(): void {
    const now = this.#now();
    const latest = Math.min(this.#node.nextDeadline(), now + TICK_INTERVAL_MAX_MS);
    const wanted = Math.max(latest, now + TICK_INTERVAL_MIN_MS);
    // A timer that fires early enough is kept: an early tick costs less than a new timer, and one
    // that is overdue must not be pushed back by each busy turn.
    if (this.#timer !== undefined && this.#timerAt <= wanted) return;
    clearTimeout(this.#timer);
    const delayMs = Math.ceil(wanted - now);
    this.#timerAt = now + delayMs;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.submit({ type: "tick" });
    }, delayMs);
  }

  #fail(error: unknown): void {
    const failure = error instanceof Error ? error : new Error(String(error));
    this.stop();
    this.#logger.error("driver.fatal", { error: failure.message, stack: failure.stack });
    this.#onFatal(failure);
  }
}
