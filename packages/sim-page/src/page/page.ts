/** The page: puts player, map, log and controls together. */
import { type Choice, MapView } from "../map/map-view.js";
import { type Picture, pictureOf } from "../map/picture.js";
import { SCENES } from "../scenes/scenes.js";
import { type Show, showFreeWorld, showScene, showSeed, traceText } from "../scenes/show.js";
import type { Deed } from "../world/deed.js";
import { addressText, parseAddress } from "./address.js";
import { cardOf } from "./cards.js";
import { byId } from "./dom.js";
import { Legend } from "./legend.js";
import { LogView } from "./log-view.js";
import { Player } from "./player.js";
import { Popover } from "./popover.js";
import { ShowList } from "./show-list.js";
import { Transport } from "./transport.js";
import { WorldControls } from "./world-controls.js";

/** After a step of a world that stands still, dots move for so long. */
const STEP_SHOW_MS = 450;
/** A world that stands still is drawn no more often. */
const IDLE_DRAW_INTERVAL_MS = 100;

export class Page {
  readonly #player: Player;
  readonly #map: MapView;
  readonly #popover: Popover;
  readonly #log = new LogView(byId("log", HTMLOListElement));
  readonly #caption = byId("caption", HTMLParagraphElement);
  readonly #transport: Transport;
  readonly #shows: ShowList;
  readonly #controls: WorldControls;
  #picture: Picture;
  #frameAtMs = 0;
  #drawnAtMs = Number.NEGATIVE_INFINITY;
  /** Until when dots move although the world stands still. */
  #showUntilMs = 0;

  constructor() {
    this.#player = new Player(this.#addressed() ?? showScene(firstScene()));
    this.#picture = this.#takePicture();
    const frame = byId("map", HTMLDivElement);
    this.#map = new MapView(frame, (choice) => this.#choose(choice));
    this.#popover = new Popover(frame);
    this.#player.onNewWorld = () => {
      this.#map.clear();
      this.#drawnAtMs = Number.NEGATIVE_INFINITY;
      this.#popover.close(false);
    };
    this.#transport = new Transport({
      toggle: () => this.#toggle(),
      stepEvent: () => this.#step(() => this.#player.stepToEvent()),
      stepTime: () => this.#step(() => this.#player.step(100)),
      restart: () => this.#load(this.#player.show),
      seek: (at) => this.#step(() => this.#player.seek(at)),
      setSpeed: (choice) => {
        this.#player.speedChoice = choice;
      },
    });
    this.#shows = new ShowList({
      scene: (scene) => this.#load(showScene(scene)),
      free: () => this.#load(showFreeWorld()),
      seed: (seed) => this.#load(showSeed(seed)),
    });
    this.#controls = new WorldControls((deed) => this.#perform(deed));
    new Legend(this.#map.dots);
    this.#caption.addEventListener("click", () => this.#player.endReading());
  }

  begin(): void {
    const at = parseAddress(location.hash)?.at;
    if (at === undefined) this.#player.isPlaying = !prefersStill();
    else this.#player.seek(at);
    window.addEventListener("hashchange", () => this.#followAddress());
    document.addEventListener("keydown", (event) => this.#onKey(event));
    const isDark = matchMedia("(prefers-color-scheme: dark)");
    isDark.addEventListener("change", () => this.#map.dots.readColours());
    requestAnimationFrame((nowMs) => {
      this.#frameAtMs = nowMs;
      this.#frame(nowMs);
    });
  }

  #frame(nowMs: number): void {
    const elapsedMs = Math.min(100, nowMs - this.#frameAtMs);
    this.#frameAtMs = nowMs;
    const wasPlaying = this.#player.isPlaying;
    this.#player.frame(elapsedMs);
    if (wasPlaying && !this.#player.isPlaying) this.#stopped(nowMs);
    // A world that stands still looks as it did: only sizes and what one chose may have changed.
    if (wasPlaying || nowMs - this.#drawnAtMs > IDLE_DRAW_INTERVAL_MS) this.#draw();
    const isMoving = this.#player.isPlaying || nowMs < this.#showUntilMs;
    const messages = this.#player.witness.takeMessages();
    const { speed, play } = this.#player;
    const now = play.world.now();
    this.#map.drawDots(messages, { now, speed, elapsedMs: isMoving ? elapsedMs : 0 });
    requestAnimationFrame((nextMs) => this.#frame(nextMs));
  }

  #draw(): void {
    this.#drawnAtMs = performance.now();
    const { show, play, witness } = this.#player;
    this.#picture = this.#takePicture();
    this.#map.draw(this.#picture);
    this.#log.draw(witness.log, show.startsAt);
    if (this.#caption.textContent !== this.#player.caption) {
      this.#caption.textContent = this.#player.caption;
    }
    this.#caption.classList.toggle("reading", this.#player.isReading);
    this.#transport.draw(this.#player, this.#picture.contentCount);
    this.#shows.draw(show.address);
    this.#controls.draw(play.town, this.#picture.regions);
    const { dataset } = document.documentElement;
    dataset["trace"] = traceText(play.world.traceHash);
    dataset["over"] = String(play.isOver);
  }

  #takePicture(): Picture {
    const { play, witness, camps } = this.#player;
    return pictureOf(play, witness, camps);
  }

  // -- what a person does ---------------------------------------------------------------------

  #choose(choice: Choice): void {
    const { play } = this.#player;
    const perform = play.town === undefined ? undefined : (deed: Deed) => this.#perform(deed);
    const card = cardOf(choice, this.#picture, perform);
    const at = this.#map.pointOf(choice);
    if (card === undefined || at === undefined) return;
    this.#popover.open(card, at, () => this.#map.focus(choice));
  }

  #perform(deed: Deed): void {
    this.#player.perform(deed);
    this.#draw();
  }

  #toggle(): void {
    this.#player.isPlaying = !this.#player.isPlaying;
    if (!this.#player.isPlaying) this.#stopped(performance.now());
  }

  #step(run: () => void): void {
    this.#player.isPlaying = false;
    run();
    this.#draw();
    this.#stopped(performance.now());
  }

  #stopped(nowMs: number): void {
    this.#showUntilMs = nowMs + STEP_SHOW_MS;
    this.#writeAddress();
  }

  #load(show: Show): void {
    this.#player.load(show);
    this.#player.isPlaying = true;
    this.#writeAddress();
  }

  // -- the address ----------------------------------------------------------------------------

  #writeAddress(): void {
    const text = addressText(this.#player.show.address, this.#player.at);
    if (location.hash !== text) history.replaceState(undefined, "", text);
  }

  #followAddress(): void {
    const show = this.#addressed();
    if (show === undefined) return;
    const at = parseAddress(location.hash)?.at;
    this.#player.load(show, at);
    this.#player.isPlaying = at === undefined;
  }

  #addressed(): Show | undefined {
    const wanted = parseAddress(location.hash)?.show;
    if (wanted?.type === "seed") return showSeed(wanted.seed, wanted.strikes);
    if (wanted?.type === "free") return showFreeWorld();
    const scene = SCENES.find(({ id }) => wanted?.type === "scene" && id === wanted.id);
    return scene && showScene(scene);
  }

  /** Space plays and pauses, the full stop steps: unless a control takes the key. */
  #onKey(event: KeyboardEvent): void {
    const { target } = event;
    const isTaken =
      target instanceof Element && target.closest("input, select, button, a, [role=button]");
    if (isTaken || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " ") this.#toggle();
    else if (event.key === ".") this.#step(() => this.#player.stepToEvent());
    else return;
    event.preventDefault();
  }
}

function firstScene() {
  const [scene] = SCENES;
  if (scene === undefined) throw new Error("there are no scenes");
  return scene;
}

/** Whoever asks for less motion starts the play by hand. */
function prefersStill(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
