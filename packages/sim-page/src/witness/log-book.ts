/** What happened in a world, in lines for people; what many see within a while is one line. */

export type Tone = "plain" | "good" | "warn" | "bad" | "deed";

export interface LogLine {
  /** Rises with each line. */
  readonly number: number;
  /** Simulated milliseconds. */
  readonly at: number;
  readonly tone: Tone;
  readonly text: string;
  /** Who saw it, in order, and when the last one did. */
  readonly witnesses: string[];
  lastAt: number;
}

/** Lines kept; older ones are forgotten. */
export const LINE_COUNT_MAX = 300;
/** The same seen again within this long is told by the same line. */
const SAME_WITHIN_MS = 3_000;

export class LogBook {
  #lines: LogLine[] = [];
  readonly #byText = new Map<string, LogLine>();
  #count = 0;
  /** Rises whenever a line is added or changes. */
  revision = 0;

  get lines(): readonly LogLine[] {
    return this.#lines;
  }

  clear(): void {
    this.#lines = [];
    this.#byText.clear();
    this.revision += 1;
  }

  /** @param witness - Who sees it; undefined for what happens to all. */
  tell(at: number, tone: Tone, text: string, witness?: string): void {
    this.revision += 1;
    const known = this.#byText.get(text);
    if (known !== undefined && witness !== undefined && at - known.lastAt <= SAME_WITHIN_MS) {
      known.lastAt = at;
      if (!known.witnesses.includes(witness)) known.witnesses.push(witness);
      return;
    }
    this.#count += 1;
    const witnesses = witness === undefined ? [] : [witness];
    const line: LogLine = { number: this.#count, at, tone, text, witnesses, lastAt: at };
    this.#lines.push(line);
    this.#byText.set(text, line);
    while (this.#lines.length > LINE_COUNT_MAX) {
      const oldest = this.#lines.shift();
      if (oldest !== undefined && this.#byText.get(oldest.text) === oldest) {
        this.#byText.delete(oldest.text);
      }
    }
  }
}

/** Who saw a line, in words. */
export function witnessText({ at, lastAt, witnesses }: LogLine): string {
  const [first] = witnesses;
  if (first === undefined) return "";
  if (witnesses.length === 1) return `seen by ${first}`;
  const laterMs = Math.round(lastAt - at);
  const last = laterMs === 0 ? "at once" : `the last ${laterMs} ms later`;
  return `seen by ${witnesses.length}, ${last}`;
}
