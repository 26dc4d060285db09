/**
 * What every simulated process is: it has a clock of its own, may stand still, and ends.
 *
 * Its monotonic clock may run fast or slow, its wall clock may be wrong and jump. While it stands
 * still nothing is taken: what comes waits, in its sockets and here, and is taken when it wakes.
 */
import { type Instant, instant, type WallTime } from "@fpzk/core";
import type { Socket, SocketOwner } from "./socket.js";

/** Timers of a real process fire on whole milliseconds, never at once. */
const TIMER_MIN_MS = 1;
/** Wall time when a world begins. */
const WALL_START_MS = 1_700_000_000_000;

export interface ProcessWorld {
  now(): number;
  schedule(at: number, run: () => void): void;
}

export interface ClockOptions {
  /** How fast its monotonic clock runs: 1.05 is 5 % too fast. Default 1. */
  readonly rate?: number;
  /** How much its wall clock is ahead. Default 0. */
  readonly wallAheadMs?: number;
}

export abstract class SimProcess implements SocketOwner {
  readonly id: string;
  readonly region: string;
  readonly sockets = new Set<Socket>();
  isUp = true;
  /** Until when it stands still, or stood still last. */
  frozenUntil = 0;
  /** Since when it reads what comes over its sockets; Infinity while it does not. */
  readingSince = 0;
  /** How much its wall clock is ahead of the world's. */
  wallAheadMs: number;
  readonly #world: ProcessWorld;
  readonly #rate: number;
  readonly #startedAt: number;
  /** What came in and was not taken yet, the oldest first. */
  #inbox: (() => void)[] = [];
  #isTaking = false;
  #isReadingPaused = false;
  #wakeAt = Number.NEGATIVE_INFINITY;
  #isTurnPending = false;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(
    world: ProcessWorld,
    options: { id: string; region: string; clock: ClockOptions | undefined },
  ) {
    this.#world = world;
    this.id = options.id;
    this.region = options.region;
    this.#rate = options.clock?.rate ?? 1;
    this.wallAheadMs = options.clock?.wallAheadMs ?? 0;
    this.#startedAt = world.now();
  }

  /** The turn of the event loop ends. */
  protected abstract endTurn(): void;
  /** A timer fires. */
  protected abstract tick(): void;

  /** Its monotonic clock, which begins with the world's time. */
  localNow(): Instant {
    return instant(this.#startedAt + (this.#world.now() - this.#startedAt) * this.#rate);
  }

  wallNow(): WallTime {
    return (WALL_START_MS + this.#world.now() + this.wallAheadMs) as WallTime;
  }

  get isFrozen(): boolean {
    return this.#world.now() < this.frozenUntil;
  }

  get isReading(): boolean {
    return !this.#isReadingPaused && !this.isFrozen;
  }

  /** Leaves unread for a while what comes over its sockets; all else goes on. */
  stopReading(durationMs: number): void {
    this.#isReadingPaused = true;
    this.readingSince = Number.POSITIVE_INFINITY;
    this.#world.schedule(this.#world.now() + durationMs, () => this.readAgain());
  }

  readAgain(): void {
    if (this.#isReadingPaused) this.readingSince = this.#world.now();
    this.#isReadingPaused = false;
    this.#readSockets();
  }

  /** Stands still; what is planned for then happens when it wakes. */
  freeze(durationMs: number): void {
    this.frozenUntil = Math.max(this.frozenUntil, this.#world.now() + durationMs);
    this.#planWake();
  }

  /** Stands still no longer. */
  thaw(): void {
    this.frozenUntil = Math.min(this.frozenUntil, this.#world.now());
    this.wake();
    this.#readSockets();
  }

  /** Takes, as soon as it is awake, and in the order of calls, unless it ended. */
  whenAwake(run: () => void): void {
    if (!this.isUp) return;
    if (this.#inbox.length === 0 && !this.isFrozen) {
      run();
      return;
    }
    this.#inbox.push(run);
    this.wake();
  }

  /** Takes what waits, if it is awake. */
  wake(): void {
    if (this.isFrozen) {
      this.#planWake();
      return;
    }
    if (this.#isTaking) return;
    this.#isTaking = true;
    for (let index = 0; index < this.#inbox.length; index += 1) {
      if (this.isUp) this.#inbox[index]?.();
    }
    this.#inbox = [];
    this.#isTaking = false;
  }

  /** Plans a tick for an instant of its own clock. */
  protected arm(deadline: Instant): void {
    if (!Number.isFinite(deadline)) return;
    const delayMs = Math.max(TIMER_MIN_MS, Math.ceil(deadline - this.localNow()));
    const at = this.#world.now() + delayMs / this.#rate;
    if (at >= this.#timerAt) return;
    this.#timerAt = at;
    this.#world.schedule(at, this.#fireTimer);
  }

  /** Made once, not for each timer; one that an earlier one replaced finds nothing due. */
  readonly #fireTimer = () => {
    if (this.#world.now() < this.#timerAt) return;
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.whenAwake(this.#tick);
  };

  readonly #tick = () => this.tick();

  /** Ends the turn when all that is at hand now is in. */
  protected planTurnEnd(): void {
    if (this.#isTurnPending) return;
    this.#isTurnPending = true;
    this.#world.schedule(this.#world.now(), this.#finishTurn);
  }

  readonly #finishTurn = () => this.whenAwake(this.#endTurn);

  readonly #endTurn = () => {
    this.#isTurnPending = false;
    this.endTurn();
  };

  /** One alarm is enough for all that waits; who is frozen for longer meanwhile sets another. */
  #planWake(): void {
    if (this.#wakeAt === this.frozenUntil) return;
    this.#wakeAt = this.frozenUntil;
    this.#world.schedule(this.frozenUntil, () => {
      if (this.isFrozen) return;
      this.wake();
      this.#readSockets();
    });
  }

  #readSockets(): void {
    if (!this.isUp || !this.isReading) return;
    for (const socket of [...this.sockets]) socket.resume();
  }
}
