/** The log as a list, the newest line first; redraws only what changed. */
import { type LogBook, type LogLine, witnessText } from "../witness/log-book.js";
import { html, secondsText } from "./dom.js";

/** Lines shown: the rest scrolls out of sight anyway. */
const SHOWN_COUNT_MAX = 80;

interface Row {
  readonly element: HTMLLIElement;
  readonly witnesses: HTMLElement;
}

export class LogView {
  readonly #list: HTMLOListElement;
  #book: LogBook | undefined;
  #revision = -1;
  #rows = new Map<number, Row>();

  constructor(list: HTMLOListElement) {
    this.#list = list;
  }

  /** @param startsAt - Simulated time that the page calls 0. */
  draw(book: LogBook, startsAt: number): void {
    if (book === this.#book && book.revision === this.#revision) return;
    if (book !== this.#book) {
      this.#list.replaceChildren();
      this.#rows = new Map();
    }
    this.#book = book;
    this.#revision = book.revision;
    const shown = book.lines.slice(-SHOWN_COUNT_MAX);
    const numbers = new Set(shown.map(({ number }) => number));
    for (const [number, { element }] of this.#rows) {
      if (numbers.has(number)) continue;
      element.remove();
      this.#rows.delete(number);
    }
    for (const line of shown) {
      let row = this.#rows.get(line.number);
      if (row === undefined) {
        row = rowOf(line, startsAt);
        this.#rows.set(line.number, row);
        this.#list.prepend(row.element);
      }
      const text = witnessText(line);
      if (row.witnesses.textContent !== text) row.witnesses.textContent = text;
    }
  }
}

function rowOf(line: LogLine, startsAt: number): Row {
  const witnesses = html("small");
  const element = html("li", { className: line.tone }, [
    html("time", {}, [secondsText(Math.max(0, line.at - startsAt))]),
    html("span", {}, [line.text]),
    witnesses,
  ]);
  return { element, witnesses };
}
