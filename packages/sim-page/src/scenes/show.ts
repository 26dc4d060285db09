/** What the page plays: a scene, the free world, or the history of a seed. */

import { deedText, type TimedDeed } from "../world/deed.js";
import { type Play, SeedPlay, strikeText, TownPlay } from "../world/play.js";
import { CALM_AT_MS, Town } from "../world/town.js";
import type { Scene } from "./scene.js";

/** Shows of towns have one seed, so that everybody sees what their captions say. */
const TOWN_SEED = 1;
/** Simulated time at which a world begins. */
const WORLD_BEGINS_AT_MS = 1_000;
const FREE_CAPTION =
  "The world is yours. Choose a node, a program, a line between two, or a region, and break it: what you see is the production code, on a simulated clock and network.";

/** Of what an oracle says, in the caption; the log has all of it. */
const FAILURE_LENGTH_MAX = 120;

export interface Mark {
  /** On the show's own clock. */
  readonly at: number;
  readonly label: string;
  /** An oracle found a promise broken. */
  readonly isBroken?: boolean;
}

export interface Caption {
  readonly at: number;
  readonly text: string | undefined;
  readonly speed: number | undefined;
}

export interface Show {
  /** As in the address: `scene=kill`, `free`, `seed=7`. */
  readonly address: string;
  readonly title: string;
  /** Simulated time that the show's clock calls 0. */
  readonly startsAt: number;
  /** On the show's own clock; undefined: it goes on. */
  readonly durationMs: number | undefined;
  readonly marks: readonly Mark[];
  /** Ascending. */
  readonly captions: readonly Caption[];
  /** Speed at first. */
  readonly speed: number;
  /** Whether the world waits at each caption until one can have read it. */
  readonly isTold: boolean;
  /** Makes its world anew, at the beginning. */
  create(): Play;
  /** Adds what a person does, and forgets what this person did later than that. */
  add(deed: TimedDeed): void;
}

export function showScene(scene: Scene): Show {
  const before = scene.before ?? [];
  const leadMs = Math.max(0, ...before.map(({ at }) => -at));
  const startsAt = CALM_AT_MS + leadMs;
  const script = [...before, ...scene.steps].flatMap(({ at, deed }) =>
    deed === undefined ? [] : [{ at: startsAt + at, deed }],
  );
  const captions = scene.steps.map(({ at, caption, speed }) => ({ at, text: caption, speed }));
  return new TownShow({
    address: `scene=${scene.id}`,
    title: scene.title,
    startsAt,
    durationMs: scene.durationMs,
    captions,
    speed: captions[0]?.speed ?? 1,
    isTold: true,
    script,
    unregistered: scene.unregistered ?? [],
  });
}

export function showFreeWorld(): Show {
  return new TownShow({
    address: "free",
    title: "Free world",
    startsAt: CALM_AT_MS,
    durationMs: undefined,
    captions: [{ at: 0, text: FREE_CAPTION, speed: undefined }],
    speed: 0.25,
    isTold: false,
    script: [],
    unregistered: [],
  });
}

/** @param strikes - Those that are played, as `--strikes` of `npm run sim`; all when undefined. */
export function showSeed(seed: number, strikes?: readonly number[]): Show {
  const whole = new SeedPlay(seed, strikes);
  const suffix = strikes === undefined ? "" : `&strikes=${strikes.join()}`;
  const options = strikes === undefined ? "" : ` --strikes ${strikes.join()}`;
  whole.advance(Number.MAX_SAFE_INTEGER);
  const endsAt = whole.world.now();
  const failure = whole.failures[0];
  const trace = traceText(whole.world.traceHash);
  const verdict =
    failure === undefined
      ? "Every oracle was content at every step."
      : `An oracle found a promise broken (the red mark): ${failure.slice(0, FAILURE_LENGTH_MAX)}.`;
  return {
    address: `seed=${seed}${suffix}`,
    title: `History of seed ${seed}`,
    startsAt: WORLD_BEGINS_AT_MS,
    durationMs: endsAt - WORLD_BEGINS_AT_MS,
    marks: [
      ...whole.strikes.map(({ at, name, detail }) => ({
        at: at - WORLD_BEGINS_AT_MS,
        label: strikeText(name, detail),
      })),
      ...whole.verdict.map(({ at, oracle, text }) => ({
        at: at - WORLD_BEGINS_AT_MS,
        label: `${oracle}: ${text}`,
        isBroken: true,
      })),
    ],
    captions: [
      {
        at: 0,
        text: `The random history of seed ${seed}, as npm run sim -- --seed ${seed}${options} plays it: ${whole.strikes.length} strikes of faults and wishes (the marks below), then all is mended and must become whole. ${verdict} Trace ${trace}.`,
        speed: undefined,
      },
    ],
    speed: 1,
    isTold: false,
    create: () => new SeedPlay(seed, strikes),
    add: () => {},
  };
}

/** A trace hash as the page shows it. */
export function traceText(hash: number): string {
  return hash.toString(16).padStart(8, "0");
}

/** A show in the town: what its script says, and what the person who looks on does. */
class TownShow implements Show {
  readonly address: string;
  readonly title: string;
  readonly startsAt: number;
  readonly durationMs: number | undefined;
  readonly captions: readonly Caption[];
  readonly speed: number;
  readonly isTold: boolean;
  readonly #script: readonly TimedDeed[];
  readonly #unregistered: readonly string[];
  #own: readonly TimedDeed[] = [];
  /** The script's and the person's, ascending; replaced as a whole. */
  #deeds: readonly TimedDeed[] = [];
  #marks: readonly Mark[] = [];

  constructor(
    options: Omit<Show, "marks" | "create" | "add"> & {
      readonly script: readonly TimedDeed[];
      readonly unregistered: readonly string[];
    },
  ) {
    this.address = options.address;
    this.title = options.title;
    this.startsAt = options.startsAt;
    this.durationMs = options.durationMs;
    this.captions = options.captions;
    this.speed = options.speed;
    this.isTold = options.isTold;
    this.#script = options.script;
    this.#unregistered = options.unregistered;
    this.#gather();
  }

  get marks(): readonly Mark[] {
    return this.#marks;
  }

  create(): Play {
    const town = new Town({ seed: TOWN_SEED, unregistered: this.#unregistered });
    return new TownPlay(town, () => this.#deeds);
  }

  add(deed: TimedDeed): void {
    this.#own = [...this.#own.filter(({ at }) => at <= deed.at), deed];
    this.#gather();
  }

  #gather(): void {
    this.#deeds = [...this.#script, ...this.#own].sort((a, b) => a.at - b.at);
    this.#marks = this.#deeds
      .filter(({ at }) => at >= this.startsAt)
      .map(({ at, deed }) => ({ at: at - this.startsAt, label: deedText(deed) }));
  }
}
