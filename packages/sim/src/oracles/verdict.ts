/** Where oracles put what they find. */

/** One broken promise: which oracle says so, when, and what it saw. */
export interface Failure {
  /** The oracle's short name: S1, S2, ... Q. */
  readonly oracle: string;
  /** Simulated time, in ms. */
  readonly at: number;
  readonly text: string;
}

/** What an oracle needs of the world around it to speak. */
export interface Court {
  now(): number;
  /** Says what is broken; only the first ones of a history are kept. */
  fail(oracle: string, text: string): void;
}

/** Failures kept of one history: the first is the one that counts. */
const FAILURE_COUNT_MAX = 20;

/** The failures of one history, in the order in which they were seen. */
export class Verdict implements Court {
  readonly failures: Failure[] = [];
  readonly #now: () => number;
  readonly #tell: (line: string) => void;

  constructor(options: { now: () => number; tell?: (line: string) => void }) {
    this.#now = options.now;
    this.#tell = options.tell ?? (() => {});
  }

  now(): number {
    return this.#now();
  }

  fail(oracle: string, text: string): void {
    if (this.failures.length >= FAILURE_COUNT_MAX) return;
    this.failures.push({ oracle, at: Math.round(this.#now()), text });
    this.#tell(`FAILED ${oracle} ${text}`);
  }
}

/** One line for people. */
export function failureText({ oracle, at, text }: Failure): string {
  return `${oracle} at ${at} ms: ${text}`;
}
