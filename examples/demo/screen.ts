/** Where the demo writes: a block that is redrawn on a terminal, plain lines elsewhere. */

export interface ScreenOutput {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  write(text: string): unknown;
}

/** Without a terminal, one block of lines each this often. */
const PLAIN_INTERVAL_MS = 5_000;

export class Screen {
  readonly #output: ScreenOutput;
  readonly #now: () => number;
  /** What is on the screen now, to be replaced by the next block. */
  #drawn: readonly string[] = [];
  #lastPlainMs = Number.NEGATIVE_INFINITY;

  constructor(output: ScreenOutput, now: () => number = () => performance.now()) {
    this.#output = output;
    this.#now = now;
  }

  /** Writes lines that stay, above the block. */
  say(...lines: readonly string[]): void {
    this.#output.write(`${this.#erasure()}${textOf(lines)}${textOf(this.#drawn)}`);
  }

  /** Replaces the block. */
  show(lines: readonly string[]): void {
    if (this.#output.isTTY === true) {
      // A block that is wider or higher than the screen could not be erased again.
      const { columns = 80, rows = 24 } = this.#output;
      const cut = lines.slice(0, rows - 1).map((line) => line.slice(0, columns - 1));
      this.#output.write(`${this.#erasure()}${textOf(cut)}`);
      this.#drawn = cut;
    } else if (this.#now() - this.#lastPlainMs >= PLAIN_INTERVAL_MS) {
      this.#lastPlainMs = this.#now();
      this.#output.write(textOf(lines));
    }
  }

  /** Cursor to the block's first line, and everything below erased. */
  #erasure(): string {
    return this.#drawn.length === 0 ? "" : `\u001b[${this.#drawn.length}F\u001b[0J`;
  }
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}
