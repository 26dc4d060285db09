/**
 * Which code ran, from V8's own block coverage: no instrumentation, no native parts, and the code
 * under test is the code that is shipped.
 *
 * V8 names for each function that ran the stretches of it that did not. What no run has reached is
 * the intersection of these over all runs; when it shrinks, something new ran. Taking the coverage
 * costs milliseconds, so it is taken for batches of inputs, and only a batch that reached something
 * new is looked at more closely.
 *
 * @see https://chromedevtools.github.io/devtools-protocol/v8/Profiler/
 */
import { Session } from "node:inspector";

interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** Stretches of one function that ran in no input so far. */
interface FunctionCoverage {
  readonly length: number;
  readonly unreached: readonly Stretch[];
}

/** What was reached at a time; see {@link Coverage.restore}. */
export type CoverageMark = ReadonlyMap<string, FunctionCoverage>;

export class Coverage {
  readonly #session = new Session();
  readonly #covers: readonly string[];
  #functions = new Map<string, FunctionCoverage>();

  constructor(covers: readonly string[]) {
    this.#covers = covers;
    this.#session.connect();
    this.#session.post("Profiler.enable");
    this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /** Characters of code reached so far. */
  get reached(): number {
    let sum = 0;
    for (const { length, unreached } of this.#functions.values()) {
      sum += length - unreached.reduce((total, { start, end }) => total + end - start, 0);
    }
    return sum;
  }

  /** Adds what ran since it was last asked; returns how much of it was new. */
  take(): number {
    const before = this.reached;
    this.#session.post("Profiler.takePreciseCoverage", (error, taken) => {
      if (error !== null) throw error;
      for (const { url, functions } of taken.result) {
        if (!this.#covers.some((part) => url.includes(part))) continue;
        for (const { ranges, functionName } of functions) {
          const [whole, ...inner] = ranges;
          if (whole === undefined || whole.count === 0) continue;
          const name = `${url} ${functionName} ${whole.startOffset} ${whole.endOffset}`;
          this.#add(name, whole.endOffset - whole.startOffset, inner);
        }
      }
    });
    return this.reached - before;
  }

  mark(): CoverageMark {
    return new Map(this.#functions);
  }

  /** Forgets what was reached since a mark. */
  restore(mark: CoverageMark): void {
    this.#functions = new Map(mark);
  }

  close(): void {
    this.#session.post("Profiler.stopPreciseCoverage");
    this.#session.disconnect();
  }

  #add(
    name: string,
    length: number,
    inner: readonly { startOffset: number; endOffset: number; count: number }[],
  ): void {
    const missed = inner
      .filter(({ count }) => count === 0)
      .map(({ startOffset, endOffset }) => ({ start: startOffset, end: endOffset }));
    const known = this.#functions.get(name);
    if (known === undefined) this.#functions.set(name, { length, unreached: missed });
    else if (known.unreached.length > 0) {
      this.#functions.set(name, { length, unreached: intersect(known.unreached, missed) });
    }
  }
}

function intersect(a: readonly Stretch[], b: readonly Stretch[]): Stretch[] {
  return a.flatMap((left) =>
    b.flatMap((right) => {
      const start = Math.max(left.start, right.start);
      const end = Math.min(left.end, right.end);
      return start < end ? [{ start, end }] : [];
    }),
  );
}
