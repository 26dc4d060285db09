/** What can be done to what was chosen on the map, in a small window beside it. */
import type { Point } from "../map/layout.js";
import { html } from "./dom.js";

export interface Action {
  readonly label: string;
  readonly run: () => void;
  readonly isDangerous?: boolean;
}

export interface Card {
  readonly title: string;
  /** Name and value. */
  readonly facts: readonly (readonly [string, string])[];
  readonly actions: readonly Action[];
  /** Said instead of actions. */
  readonly remark?: string;
}

const GAP_PX = 18;

export class Popover {
  readonly #element: HTMLElement;
  readonly #frame: HTMLElement;
  #onClose: () => void = () => {};

  constructor(frame: HTMLElement) {
    this.#frame = frame;
    this.#element = html("div", { id: "popover", hidden: true });
    this.#element.setAttribute("role", "dialog");
    this.#element.tabIndex = -1;
    this.#element.setAttribute("aria-labelledby", "popover-title");
    frame.append(this.#element);
    this.#element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.close();
    });
    document.addEventListener("pointerdown", ({ target }) => {
      if (this.isOpen && target instanceof Node && !this.#element.contains(target))
        this.close(false);
    });
  }

  get isOpen(): boolean {
    return !this.#element.hidden;
  }

  /** @param onClose - Gives the keyboard back. */
  open(card: Card, at: Point, onClose: () => void): void {
    this.#onClose = onClose;
    const title = html("h2", { id: "popover-title" }, [card.title]);
    const close = html("button", { type: "button", className: "close" }, ["✕"]);
    close.setAttribute("aria-label", "Close");
    close.addEventListener("click", () => this.close());
    const facts = html(
      "dl",
      {},
      card.facts.flatMap(([name, value]) => [html("dt", {}, [name]), html("dd", {}, [value])]),
    );
    const actions = card.actions.map(({ label, run, isDangerous }) => {
      const button = html("button", { type: "button" }, [label]);
      if (isDangerous === true) button.className = "dangerous";
      button.addEventListener("click", () => {
        this.close();
        run();
      });
      return button;
    });
    const remark = card.remark === undefined ? [] : [html("p", {}, [card.remark])];
    const group = html("div", { className: "actions" }, actions);
    this.#element.replaceChildren(html("header", {}, [title, close]), facts, ...remark, group);
    this.#element.hidden = false;
    this.#place(at);
    // Not an action: a key that is held would do it at once.
    this.#element.focus();
  }

  close(hasKeyboard = true): void {
    if (!this.isOpen) return;
    this.#element.hidden = true;
    if (hasKeyboard) this.#onClose();
  }

  /** Beside the point, inside the frame. */
  #place({ x, y }: Point): void {
    const { clientWidth, clientHeight } = this.#frame;
    const { offsetWidth, offsetHeight } = this.#element;
    const isRight = x + GAP_PX + offsetWidth <= clientWidth;
    const left = isRight ? x + GAP_PX : Math.max(4, x - GAP_PX - offsetWidth);
    const top = Math.min(Math.max(4, y - offsetHeight / 2), clientHeight - offsetHeight - 4);
    this.#element.style.left = `${left}px`;
    this.#element.style.top = `${Math.max(4, top)}px`;
  }
}
