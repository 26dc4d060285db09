/** What one can do to the world as a whole: cut regions off, make wires longer, mend everything. */
import type { Deed } from "../world/deed.js";
import { REGIONS, type Town } from "../world/town.js";
import { byId, html } from "./dom.js";

/** The slider's positions as factors: 1 to 32. */
const SLOWEST_POWER = 5;

export class WorldControls {
  readonly #fields = byId("world", HTMLFieldSetElement);
  readonly #slow = byId("slow", HTMLInputElement);
  readonly #slowText = byId("slow-text", HTMLOutputElement);
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
    this.#slow.max = String(SLOWEST_POWER);
    this.#slow.addEventListener("input", () => {
      perform({ type: "slow", factor: 2 ** Number(this.#slow.value) });
    });
    byId("mend", HTMLButtonElement).addEventListener("click", () => perform({ type: "mend-all" }));
  }

  /** @param town - Undefined where nobody may interfere. */
  draw(
    town: Town | undefined,
    regions: readonly { readonly key: string; readonly isCutOff: boolean }[],
  ): void {
    this.#fields.disabled = town === undefined;
    const factor = town?.slowness ?? 1;
    const text = factor === 1 ? "as they are" : `${factor} times as long`;
    if (this.#slowText.value !== text) {
      this.#slowText.value = text;
      this.#slow.value = String(Math.log2(factor));
      this.#slow.setAttribute("aria-valuetext", text);
    }
    for (const { key, isCutOff } of regions) {
      const button = this.#regions.get(key);
      const pressed = String(isCutOff);
      if (button?.getAttribute("aria-pressed") === pressed) continue;
      button?.setAttribute("aria-pressed", pressed);
      button?.setAttribute("aria-label", `region ${key} cut off`);
    }
  }
}
