/** A world that is being played from its beginning, and can be made anew to go back in time. */
import { type Failure, History, type Strike, type World } from "@fpzk/sim";
import { Cast } from "./cast.js";
import { deedText, type TimedDeed } from "./deed.js";
import type { Town } from "./town.js";

export interface Play {
  readonly world: World;
  readonly cast: Cast;
  /** Undefined where nobody may interfere. */
  readonly town: Town | undefined;
  /** Nothing comes after this: what the play was for has been seen. */
  readonly isOver: boolean;
  /** What oracles found broken. */
  readonly failures: readonly string[];
  /** Told of what is done to the world (`deed`), what came of it, and what oracles find. */
  onTold: (tone: "deed" | "good" | "bad", text: string) => void;
  /**
   * Lets time pass.
   *
   * @param at - Until when, in whole simulated milliseconds: fractions would round differently in
   * pieces than in one go, and change the trace.
   */
  advance(at: number): void;
}

/** The town, with the deeds of a scene and of whoever looks on. */
export class TownPlay implements Play {
  readonly town: Town;
  isOver = false;
  readonly failures: string[] = [];
  onTold: Play["onTold"] = () => {};
  readonly #deeds: () => readonly TimedDeed[];
  readonly #done = new Set<TimedDeed>();

  /** @param deeds - What is done, ascending in time; more may come up meanwhile. */
  constructor(town: Town, deeds: () => readonly TimedDeed[]) {
    this.town = town;
    this.#deeds = deeds;
    town.onOutcome = (text) => this.onTold("good", text);
  }

  get world(): World {
    return this.town.world;
  }

  get cast(): Cast {
    return this.town.cast;
  }

  advance(at: number): void {
    if (this.isOver) return;
    try {
      this.#advance(at);
    } catch (error) {
      this.isOver = true;
      const text = `the core threw: ${(error as Error).stack}`;
      this.failures.push(text);
      this.onTold("bad", text);
    }
  }

  #advance(at: number): void {
    for (;;) {
      const next = this.#deeds().find((each) => !this.#done.has(each));
      if (next === undefined || next.at > at) break;
      this.#runTo(next.at);
      this.#done.add(next);
      this.onTold("deed", deedText(next.deed));
      this.town.perform(next.deed);
    }
    this.#runTo(at);
  }

  #runTo(at: number): void {
    const durationMs = at - this.world.now();
    if (durationMs > 0) this.world.run(durationMs);
  }
}

/** How late, in simulated time, what a history does to its world is told at most. */
const TELLING_INTERVAL_MS = 20;

/** The history of a seed, exactly as the hunt plays it. */
export class SeedPlay implements Play {
  readonly town = undefined;
  readonly cast = new Cast();
  readonly #history: History;
  readonly #acts: Iterator<number, void>;
  /** When the next act comes. */
  #actAt: number;
  isOver = false;
  onTold: Play["onTold"] = () => {};
  #toldStrikeCount = 0;
  #toldFailureCount = 0;

  /** @param strikes - Those that are played; all when undefined. */
  constructor(seed: number, strikes?: readonly number[]) {
    this.#history = new History(seed, strikes === undefined ? {} : { strikes: new Set(strikes) });
    this.cast.follow(this.world);
    this.#acts = this.#history.acts();
    this.#actAt = this.world.now();
  }

  get world(): World {
    return this.#history.world;
  }

  get strikes(): readonly Strike[] {
    return this.#history.strikes;
  }

  /** What oracles found, and when. */
  get verdict(): readonly Failure[] {
    return this.#history.oracles.failures;
  }

  get failures(): readonly string[] {
    return this.verdict.map(({ oracle, text }) => `${oracle}: ${text}`);
  }

  advance(at: number): void {
    try {
      this.#advance(at);
    } catch (error) {
      this.isOver = true;
      this.#history.oracles.fail("crash", `the core threw: ${(error as Error).stack}`);
      this.#tellNews();
    }
  }

  #advance(at: number): void {
    const { world } = this;
    while (!this.isOver) {
      if (world.now() >= this.#actAt) {
        const act = this.#acts.next();
        if (act.done === true) this.isOver = true;
        else this.#actAt = world.now() + act.value;
        continue;
      }
      const to = Math.min(at, this.#actAt, world.now() + TELLING_INTERVAL_MS);
      if (to <= world.now()) return;
      world.run(to - world.now());
      this.#tellNews();
    }
  }

  #tellNews(): void {
    for (const { name, detail } of this.strikes.slice(this.#toldStrikeCount)) {
      this.onTold("deed", `strike: ${strikeText(name, detail)}`);
    }
    this.#toldStrikeCount = this.strikes.length;
    for (const failure of this.failures.slice(this.#toldFailureCount)) {
      this.onTold("bad", `a promise is broken: ${failure}`);
    }
    this.#toldFailureCount = this.failures.length;
  }
}

export function strikeText(name: string, detail: string): string {
  return detail === "" ? name : `${name} ${detail}`;
}
