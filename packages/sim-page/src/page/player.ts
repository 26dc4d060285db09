/**
 * Plays a show: lets simulated time pass at a speed, and goes to any moment of it.
 *
 * Going back means making the world anew and running it to where it is wanted: equal seeds and
 * deeds give equal runs. Time moves in whole milliseconds, as {@link Play.advance} asks.
 */
import type { Caption, Show } from "../scenes/show.js";
import { Camps } from "../witness/content.js";
import { Witness } from "../witness/witness.js";
import type { Deed } from "../world/deed.js";
import type { Play } from "../world/play.js";

/** Of each frame, for simulating; the rest is for drawing. */
const FRAME_BUDGET_MS = 9;
/** Simulated time between looks at the clock. */
const SLICE_MS = 20;
/** A frame that took longer (the page was hidden) counts as this long. */
const FRAME_MAX_MS = 100;
/** How far a search for the next event goes. */
const EVENT_SEARCH_MS = 5_000;

/** How long the world waits at a caption, for each of its characters: about half of reading it. */
export const READING_MS_PER_CHARACTER = 30;

/** `scene`: as its steps say. Else simulated seconds for each second. */
export type SpeedChoice = number | "scene";

export class Player {
  readonly #clock: () => number;
  #show: Show;
  #play: Play;
  #witness: Witness;
  #camps = new Camps();
  /** On the show's clock; the world is at its whole part. */
  #at = 0;
  /** The caption at which the world waited last, or that was passed over, by its time. */
  #readAt = -1;
  #readingLeftMs = 0;
  isPlaying = false;
  speedChoice: SpeedChoice = "scene";
  /** True while simulating cannot keep up with the speed. */
  isLagging = false;
  /** Called after the world was made anew. */
  onNewWorld: () => void = () => {};

  /** @param clock - Milliseconds, to keep within the time of a frame. */
  constructor(show: Show, clock: () => number = () => performance.now()) {
    this.#show = show;
    this.#clock = clock;
    [this.#play, this.#witness] = this.#create();
  }

  get show(): Show {
    return this.#show;
  }

  get play(): Play {
    return this.#play;
  }

  get witness(): Witness {
    return this.#witness;
  }

  get camps(): Camps {
    return this.#camps;
  }

  /** Milliseconds on the show's clock. */
  get at(): number {
    return Math.floor(this.#at);
  }

  get isAtEnd(): boolean {
    const { durationMs } = this.#show;
    return this.#play.isOver || (durationMs !== undefined && this.at >= durationMs);
  }

  get speed(): number {
    if (this.speedChoice !== "scene") return this.speedChoice;
    const passed = this.#show.captions.filter(
      ({ at, speed }) => speed !== undefined && at <= this.at,
    );
    return passed.at(-1)?.speed ?? this.#show.speed;
  }

  get caption(): string {
    return this.#caption?.text ?? "";
  }

  get #caption(): Caption | undefined {
    return this.#show.captions.findLast(({ at, text }) => text !== undefined && at <= this.at);
  }

  /** Whether the world waits until one can have read the caption. */
  get isReading(): boolean {
    return this.isPlaying && this.#readingLeftMs > 0;
  }

  /** Goes on although the caption may not have been read. */
  endReading(): void {
    this.#readingLeftMs = 0;
  }

  /** Begins a show at a moment. */
  load(show: Show, at = 0): void {
    this.#show = show;
    this.speedChoice = "scene";
    this.isPlaying = false;
    this.#rebuild(at);
    this.#readAt = -1;
    this.#readingLeftMs = 0;
    if (at > 0) this.#passOver();
  }

  /** Goes to a moment of the show. */
  seek(at: number): void {
    const wanted = Math.max(0, Math.floor(at));
    if (wanted < this.at) this.#rebuild(wanted);
    else this.#fastForward(wanted);
    this.#passOver();
  }

  /** Lets so many simulated milliseconds pass. */
  step(durationMs: number): void {
    this.#goTo(this.at + durationMs);
    this.#passOver();
  }

  /** Goes on until something can be seen to happen: a change is sent, a view changes. */
  stepToEvent(): void {
    const seenCount = this.#witness.eventCount;
    const until = this.at + EVENT_SEARCH_MS;
    while (this.#witness.eventCount === seenCount && this.at < until && !this.#play.isOver) {
      this.#goTo(this.at + 1);
    }
    this.#passOver();
  }

  /** Does something to the world, now. */
  perform(deed: Deed): void {
    this.#show.add({ at: this.#show.startsAt + this.at, deed });
    this.#play.advance(this.#show.startsAt + this.at);
  }

  /** One frame; `elapsedMs` of the person who looks on. */
  frame(elapsedMs: number): void {
    if (!this.isPlaying || this.#read(elapsedMs)) return;
    const { durationMs = Number.POSITIVE_INFINITY } = this.#show;
    const wasAtEnd = this.isAtEnd;
    const passed = Math.min(elapsedMs, FRAME_MAX_MS) * this.speed;
    // A step of the scene takes effect from its own time on.
    const next = this.#show.captions.find(({ at }) => at > this.#at);
    const wanted = Math.min(this.#at + passed, next?.at ?? Number.POSITIVE_INFINITY);
    const startedMs = this.#clock();
    this.isLagging = false;
    while (this.#at < wanted) {
      this.#goTo(Math.min(wanted, this.#at + SLICE_MS));
      if (this.#clock() - startedMs < FRAME_BUDGET_MS) continue;
      this.isLagging = this.#at < wanted;
      break;
    }
    if (this.#play.isOver || (!wasAtEnd && this.#at >= durationMs)) this.isPlaying = false;
  }

  /** Waits at a new caption; true while it does. */
  #read(elapsedMs: number): boolean {
    const caption = this.#caption;
    const isTold = this.#show.isTold && this.speedChoice === "scene";
    if (!isTold || caption === undefined) return false;
    if (caption.at !== this.#readAt) {
      this.#readAt = caption.at;
      this.#readingLeftMs = READING_MS_PER_CHARACTER * (caption.text?.length ?? 0);
    }
    if (this.#readingLeftMs <= 0) return false;
    this.#readingLeftMs -= Math.min(elapsedMs, FRAME_MAX_MS);
    return true;
  }

  /** Whoever goes somewhere has no need of captions on the way. */
  #passOver(): void {
    this.#readAt = this.#caption?.at ?? -1;
    this.#readingLeftMs = 0;
  }

  #goTo(at: number): void {
    this.#at = at;
    this.#play.advance(this.#show.startsAt + Math.floor(at));
  }

  #rebuild(at: number): void {
    [this.#play, this.#witness] = this.#create();
    this.#camps = new Camps();
    this.#at = 0;
    this.#fastForward(at);
    this.onNewWorld();
  }

  #fastForward(at: number): void {
    this.#witness.isFastForward = true;
    this.#goTo(at);
    this.#witness.arrive();
  }

  #create(): [Play, Witness] {
    const play = this.#show.create();
    const witness = new Witness(play.world);
    witness.isFastForward = true;
    play.advance(this.#show.startsAt);
    witness.arrive();
    // What led up to the show is no part of it.
    witness.log.clear();
    play.onTold = (tone, text) => witness.say({ tone, text });
    return [play, witness];
  }
}
