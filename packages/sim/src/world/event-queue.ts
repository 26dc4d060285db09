/** The events of a simulated world by time: a binary heap; equal times keep their order of entry. */
export interface Scheduled {
  readonly at: number;
  readonly order: number;
  readonly run: (argument?: unknown) => void;
  /** What to run it with: cheaper than a function of its own for each message. */
  readonly argument: unknown;
}

export class EventQueue {
  readonly #heap: Scheduled[] = [];
  #order = 0;

  get size(): number {
    return this.#heap.length;
  }

  add(at: number, run: () => void): void;
  add<Argument>(at: number, run: (argument: Argument) => void, argument: Argument): void;
  add(at: number, run: (argument: never) => void, argument?: unknown): void {
    this.#order += 1;
    const entry = { at, order: this.#order, run: run as Scheduled["run"], argument };
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    // The place moves up instead of the entry: half the writes of swapping.
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex] as Scheduled;
      if (parent.at <= at) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = entry;
  }

  peek(): Scheduled | undefined {
    return this.#heap[0];
  }

  take(): Scheduled | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return undefined;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  /** Puts an entry where the first one was, and lets it sink to its place. */
  #sink(entry: Scheduled): void {
    const heap = this.#heap;
    const count = heap.length;
    let index = 0;
    for (;;) {
      let childIndex = 2 * index + 1;
      if (childIndex >= count) break;
      let child = heap[childIndex] as Scheduled;
      const right = heap[childIndex + 1];
      if (right !== undefined && isBefore(right, child)) {
        childIndex += 1;
        child = right;
      }
      if (!isBefore(child, entry)) break;
      heap[index] = child;
      index = childIndex;
    }
    heap[index] = entry;
  }
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
