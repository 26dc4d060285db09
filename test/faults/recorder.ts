/**
 * Writes log lines of one process to a row of files.
 *
 * Lines of one turn of the event loop are written together and at once, so that a process that is
 * killed loses at most that turn. A file that is full is left for its reader to remove.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { LogLine } from "./log-line.js";

const FILE_MAX_BYTES = 4 * 1024 * 1024;

export class Recorder {
  readonly #folder: string;
  readonly #name: string;
  #file: number;
  #number = 1;
  #byteCount = 0;
  #pending: string[] = [];

  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#name = name;
    this.#file = openSync(logFile(folder, name, 1), "a");
  }

  write(line: LogLine): void {
    this.#pending.push(JSON.stringify(line));
    if (this.#pending.length === 1) setImmediate(() => this.flush());
  }

  flush(): void {
    if (this.#pending.length === 0) return;
    const bytes = Buffer.from(`${this.#pending.join("\n")}\n`);
    this.#pending = [];
    writeSync(this.#file, bytes);
    this.#byteCount += bytes.length;
    if (this.#byteCount < FILE_MAX_BYTES) return;
    this.#number += 1;
    const next = openSync(logFile(this.#folder, this.#name, this.#number), "a");
    closeSync(this.#file);
    this.#file = next;
    this.#byteCount = 0;
  }
}

export function logFile(folder: string, name: string, number: number): string {
  return join(folder, `${name}.${number}.ndjson`);
}
