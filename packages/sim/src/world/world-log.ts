/** What happened in a world, in words; they are put together only when somebody reads them. */
import type { ClientEffect, Effect } from "@fpzk/core";

type Note = Extract<Effect | ClientEffect, { type: "note" }>;

interface Entry {
  readonly at: number;
  readonly who: string;
  /** A line, or a note of a process. */
  readonly what: string | Note;
}

export class WorldLog {
  readonly #entries: Entry[] = [];

  tell(at: number, line: string): void {
    this.#entries.push({ at, who: "", what: line });
  }

  note(at: number, who: string, note: Note): void {
    this.#entries.push({ at, who, what: note });
  }

  /** `time who event fields`, one line each. */
  get lines(): string[] {
    return this.#entries.map(({ at, who, what }) => {
      const time = at.toFixed(0);
      if (typeof what === "string") return `${time} ${what}`;
      return `${time} ${who} ${what.event} ${JSON.stringify(what.fields)}`;
    });
  }
}
