/** Reads what recorders write while they write it, and removes files that are read and full. */
import { closeSync, existsSync, openSync, readSync, unlinkSync } from "node:fs";
import type { LogLine } from "./log-line.js";
import { logFile } from "./recorder.js";

const READ_MAX_BYTES = 1024 * 1024;

/** Shared: reading is synchronous, and what is kept of it is copied. */
const buffer = Buffer.alloc(READ_MAX_BYTES);

export class LogTail {
  readonly #folder: string;
  readonly #name: string;
  #number = 1;
  #file: number | undefined;
  #rest = Buffer.alloc(0);

  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#name = name;
  }

  /** Hands on every whole line that was not read yet. */
  read(take: (line: LogLine) => void): void {
    for (;;) {
      const path = logFile(this.#folder, this.#name, this.#number);
      if (this.#file === undefined) {
        if (!existsSync(path)) return;
        this.#file = openSync(path, "r");
      }
      // Looked up before reading: what is read after is all that this file will ever hold.
      const isFull = existsSync(logFile(this.#folder, this.#name, this.#number + 1));
      this.#readFile(this.#file, take);
      if (!isFull) return;
      closeSync(this.#file);
      this.#file = undefined;
      unlinkSync(path);
      this.#number += 1;
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #readFile(file: number, take: (line: LogLine) => void): void {
    for (;;) {
      const byteCount = readSync(file, buffer);
      if (byteCount === 0) return;
      const bytes = Buffer.concat([this.#rest, buffer.subarray(0, byteCount)]);
      let start = 0;
      for (let end = bytes.indexOf(10, start); end >= 0; end = bytes.indexOf(10, start)) {
        take(JSON.parse(bytes.toString("utf8", start, end)) as LogLine);
        start = end + 1;
      }
      this.#rest = Buffer.from(bytes.subarray(start));
    }
  }
}
