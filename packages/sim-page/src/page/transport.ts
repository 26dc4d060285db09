/** Play, pause, step, speed and the line of time. */
import type { Mark } from "../scenes/show.js";
import { byId, html, secondsText } from "./dom.js";
import type { Player, SpeedChoice } from "./player.js";

export interface TransportChoice {
  readonly toggle: () => void;
  readonly stepEvent: () => void;
  readonly stepTime: () => void;
  readonly restart: () => void;
  readonly seek: (at: number) => void;
  readonly setSpeed: (choice: SpeedChoice) => void;
}

/** Of a show without an end, the line of time shows at least so much. */
const LINE_MIN_MS = 60_000;

export class Transport {
  readonly #play = byId("play", HTMLButtonElement);
  readonly #speed = byId("speed", HTMLSelectElement);
  readonly #line = byId("line", HTMLInputElement);
  readonly #marks = byId("marks", HTMLDivElement);
  readonly #time = byId("time", HTMLElement);
  readonly #digests = byId("digests", HTMLElement);
  readonly #title = byId("show-title", HTMLElement);
  #shown: readonly Mark[] | undefined;
  #shownMs = 0;

  constructor(choice: TransportChoice) {
    this.#play.addEventListener("click", () => choice.toggle());
    byId("step-event", HTMLButtonElement).addEventListener("click", () => choice.stepEvent());
    byId("step-time", HTMLButtonElement).addEventListener("click", () => choice.stepTime());
    byId("restart", HTMLButtonElement).addEventListener("click", () => choice.restart());
    this.#line.addEventListener("input", () => choice.seek(Number(this.#line.value)));
    this.#speed.addEventListener("change", () => {
      choice.setSpeed(this.#speed.value === "scene" ? "scene" : Number(this.#speed.value));
    });
  }

  draw(player: Player, contentCount: number): void {
    const { show, at, isPlaying, speedChoice } = player;
    const lineMs = Math.max(at, show.durationMs ?? LINE_MIN_MS);
    this.#setText(this.#title, show.title);
    const state = isPlaying ? "pause" : "play";
    if (this.#play.dataset["state"] !== state) {
      this.#play.dataset["state"] = state;
      this.#play.setAttribute("aria-label", isPlaying ? "Pause" : "Play");
    }
    if (this.#line.max !== String(lineMs)) this.#line.max = String(lineMs);
    const text = secondsText(at);
    if (this.#line.value !== String(at)) {
      this.#line.value = String(at);
      this.#line.setAttribute("aria-valuetext", text);
    }
    this.#setText(this.#time, text);
    const choice = String(speedChoice);
    if (this.#speed.value !== choice) this.#speed.value = choice;
    this.#setText(byId("pace", HTMLElement), speedChoice === "scene" ? `${player.speed}×` : "");
    this.#setText(
      this.#digests,
      contentCount <= 1
        ? "all nodes hold the same"
        : `nodes hold ${contentCount} different contents`,
    );
    this.#digests.className = contentCount <= 1 ? "same" : "different";
    if (this.#shown !== show.marks || this.#shownMs !== lineMs) {
      this.#drawMarks(show.marks, lineMs);
    }
  }

  #drawMarks(marks: readonly Mark[], lineMs: number): void {
    this.#shown = marks;
    this.#shownMs = lineMs;
    this.#marks.replaceChildren(
      ...marks.map(({ at, label, isBroken = false }) => {
        const mark = html("i", { title: `${secondsText(at)} ${label}` });
        if (isBroken) mark.className = "broken";
        mark.style.left = `${(100 * at) / lineMs}%`;
        return mark;
      }),
    );
  }

  #setText(element: HTMLElement, text: string): void {
    if (element.textContent !== text) element.textContent = text;
  }
}
