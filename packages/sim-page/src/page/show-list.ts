/** The choice of what to see: scenes, the free world, the history of a seed. */
import type { Scene } from "../scenes/scene.js";
import { SCENES } from "../scenes/scenes.js";
import { parseSeed, SEED_MAX } from "./address.js";
import { byId, html } from "./dom.js";

export interface ShowChoice {
  readonly scene: (scene: Scene) => void;
  readonly free: () => void;
  readonly seed: (seed: number) => void;
}

export class ShowList {
  readonly #buttons = new Map<string, HTMLButtonElement>();
  readonly #seed = byId("seed", HTMLInputElement);

  constructor(choice: ShowChoice) {
    const list = byId("scenes", HTMLOListElement);
    for (const scene of SCENES) {
      const button = html("button", { type: "button", className: "scene" }, [scene.title]);
      button.addEventListener("click", () => choice.scene(scene));
      this.#buttons.set(`scene=${scene.id}`, button);
      list.append(html("li", {}, [button]));
    }
    const free = byId("free", HTMLButtonElement);
    free.addEventListener("click", () => choice.free());
    this.#buttons.set("free", free);
    byId("seed-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const seed = parseSeed(this.#seed.value);
      const isValid = seed !== undefined;
      this.#seed.setCustomValidity(isValid ? "" : `a whole number from 0 to ${SEED_MAX}`);
      this.#seed.reportValidity();
      if (isValid) choice.seed(seed);
    });
    this.#seed.addEventListener("input", () => this.#seed.setCustomValidity(""));
  }

  draw(address: string): void {
    for (const [name, button] of this.#buttons) {
      const isCurrent = name === address;
      if ((button.getAttribute("aria-current") === "true") === isCurrent) continue;
      button.setAttribute("aria-current", String(isCurrent));
      if (isCurrent) button.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  }
}
