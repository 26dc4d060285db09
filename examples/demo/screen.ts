/** Where the demo writes: a block that is redrawn on a terminal, plain lines elsewhere. */

export interface ScreenOutput {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** Without a terminal, one block of lines each this often. */
const PLAIN_INTERVAL_MS = 5_000;

export class Screen {
  readonly #output: ScreenOutput;
  readonly #now: () => number;
  #drawnCount = 0;
  #lastPlainMs = Number.NEGATIVE_INFINITY;

  constructor(output: ScreenOutput, now: () => number = () => performance.now()) {
    this.#output = output;
    this.#now = now;
  }

  /** Writes lines that stay; the block is drawn again below them. */
  say(...lines: readonly string[]): void {
    this.#output.write(`${this.#eraseBlock()}${lines.map((line) => `${line}\n`).join("")}`);
  }

  /** Replaces the block. */
  show(lines: readonly string[]): void {
    if (this.#output.isTTY === true) {
      const width = this.#output.columns ?? 80;
      const cut = lines.map((line) => line.slice(0, width - 1));
      this.#output.write(`${this.#eraseBlock()}${cut.map((line) => `${line}\n`).join("")}`);
      this.#drawnCount = cut.length;
    } else if (this.#now() - this.#lastPlainMs >= PLAIN_INTERVAL_MS) {
      this.#lastPlainMs = this.#now();
      this.#output.write(`${lines.join("\n")}\n`);
    }
  }

  /** Cursor to the block's first line, and everything below erased. */
  #eraseBlock(): string {
    if (this.#drawnCount === 0) return "";
    const text = `\u001b[${this.#drawnCount}F\u001b[0J`;
    this.#drawnCount = 0;
    return text;
  }
}
