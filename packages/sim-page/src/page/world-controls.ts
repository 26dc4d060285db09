/** What one can do to the world as a whole: cut regions off, make wires worse, mend everything. */
import type { Deed } from "../world/deed.js";
import { REGIONS, type Town } from "../world/town.js";
import { byId, html } from "./dom.js";

/** A slider with what it stands for beside it. */
interface Slider {
  readonly input: HTMLInputElement;
  readonly output: HTMLOutputElement;
}

export class WorldControls {
  readonly #fields = byId("world", HTMLFieldSetElement);
  /** Its positions are powers of two. */
  readonly #slow = sliderOf("slow");
  readonly #lose = sliderOf("lose");
  readonly #regions = new Map<string, HTMLButtonElement>();

  constructor(perform: (deed: Deed) => void) {
    const group = byId("cut-regions", HTMLFieldSetElement);
    for (const region of REGIONS) {
      const button = html("button", { type: "button" }, [region]);
      button.addEventListener("click", () => {
        const isCutOff = button.getAttribute("aria-pressed") === "true";
        perform({ type: isCutOff ? "mend-region" : "cut-region", region });
      });
      this.#regions.set(region, button);
      group.append(button);
    }
    this.#slow.input.addEventListener("change", () => {
      perform({ type: "slow", factor: 2 ** Number(this.#slow.input.value) });
    });
    this.#lose.input.addEventListener("change", () => {
      perform({ type: "lose", ratio: Number(this.#lose.input.value) / 100 });
    });
    byId("mend", HTMLButtonElement).addEventListener("click", () => perform({ type: "mend-all" }));
  }

  /** @param town - Undefined where nobody may interfere. */
  draw(
    town: Town | undefined,
    regions: readonly { readonly key: string; readonly isCutOff: boolean }[],
  ): void {
    this.#fields.disabled = town === undefined;
    const slowness = town?.slowness ?? 1;
    drawSlider(this.#slow, Math.log2(slowness), `${slowness}×`);
    const lostPercent = Math.round(100 * (town?.lossRatio ?? 0));
    drawSlider(this.#lose, lostPercent, `${lostPercent} %`);
    for (const { key, isCutOff } of regions) {
      const button = this.#regions.get(key);
      const pressed = String(isCutOff);
      if (button?.getAttribute("aria-pressed") === pressed) continue;
      button?.setAttribute("aria-pressed", pressed);
      button?.setAttribute("aria-label", `region ${key} cut off`);
    }
  }
}

function sliderOf(id: string): Slider {
  return { input: byId(id, HTMLInputElement), output: byId(`${id}-text`, HTMLOutputElement) };
}

function drawSlider({ input, output }: Slider, value: number, text: string): void {
  if (output.value === text) return;
  output.value = text;
  input.value = String(value);
  input.setAttribute("aria-valuetext", text);
}
