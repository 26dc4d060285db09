/**
 * A simulated service: instances with workers, queues, speeds, and neighbours that steal their time.
 *
 * A discrete-event simulation: time jumps from one event to the next, and nothing depends on the
 * machine it runs on.
 */
import { type Random, SeededRandom } from "@fpzk/core";

/** One call on its way through an instance. */
export interface Job {
  readonly callerIndex: number;
  readonly instanceIndex: number;
  readonly beganAt: number;
  /** Work, in ms of an instance of speed 1. */
  readonly demandMs: number;
  /** Its caller has its answer, or does not wait any more. */
  isOver: boolean;
}

export interface ServiceOptions {
  /** Speed of each instance: 2 does its work in half of the time. */
  readonly speeds: readonly number[];
  readonly workerCount: number;
  /** Whether neighbours slow instances down from time to time. */
  readonly hasAntagonists: boolean;
  readonly seed: number;
}

/** An antagonist takes three quarters of a machine: 2 s of every 10 s, on average. */
const ANTAGONIST_SLOWDOWN = 4;
const BOTHERED_MEAN_MS = 2_000;
const QUIET_MEAN_MS = 8_000;
/** A black hole answers after this, with an error. */
const BLACK_HOLE_MS = 1;

interface Instance {
  readonly speed: number;
  readonly random: Random;
  freeWorkerCount: number;
  readonly queue: Job[];
  queueHead: number;
  isBothered: boolean;
  nextTurnAt: number;
  isBlackHole: boolean;
}

/** A job that a worker, or a black hole, will have finished. */
export interface Completion {
  readonly at: number;
  readonly job: Job;
  readonly isError: boolean;
}

export class SimulatedService {
  readonly #options: ServiceOptions;
  readonly #instances: Instance[];
  readonly #completions = new EventHeap();

  constructor(options: ServiceOptions) {
    this.#options = options;
    const random = new SeededRandom(options.seed);
    this.#instances = options.speeds.map((speed) => {
      const own = random.fork();
      return {
        ...{ speed, random: own, freeWorkerCount: options.workerCount, queue: [], queueHead: 0 },
        ...{ isBothered: false, nextTurnAt: exponential(own, QUIET_MEAN_MS), isBlackHole: false },
      };
    });
  }

  /** Work that all instances together do in a millisecond, antagonists taken off. */
  static capacityOf({ speeds, workerCount, hasAntagonists }: ServiceOptions): number {
    const botheredRatio = BOTHERED_MEAN_MS / (BOTHERED_MEAN_MS + QUIET_MEAN_MS);
    const lost = hasAntagonists ? botheredRatio * (1 - 1 / ANTAGONIST_SLOWDOWN) : 0;
    return speeds.reduce((sum, speed) => sum + speed * workerCount * (1 - lost), 0);
  }

  get nextCompletionAt(): number {
    return this.#completions.first?.at ?? Number.POSITIVE_INFINITY;
  }

  /** From now on the instance fails every call at once. */
  breakDown(instanceIndex: number): void {
    const instance = this.#instances[instanceIndex];
    if (instance !== undefined) instance.isBlackHole = true;
  }

  /** A call arrives. */
  accept(job: Job, now: number): void {
    const instance = this.#instances[job.instanceIndex];
    if (instance === undefined) return;
    if (instance.isBlackHole) {
      this.#completions.push({ at: now + BLACK_HOLE_MS, job, isError: true });
    } else if (instance.freeWorkerCount > 0) {
      instance.freeWorkerCount -= 1;
      this.#work(instance, job, now);
    } else {
      instance.queue.push(job);
    }
  }

  /** The first completion; its worker takes the next job that somebody still waits for. */
  complete(): Completion | undefined {
    const completion = this.#completions.pop();
    if (completion === undefined || completion.isError) return completion;
    const instance = this.#instances[completion.job.instanceIndex];
    if (instance === undefined) return completion;
    const next = nextWanted(instance);
    if (next === undefined) instance.freeWorkerCount += 1;
    else this.#work(instance, next, completion.at);
    return completion;
  }

  #work(instance: Instance, job: Job, now: number): void {
    const slowdown = this.#options.hasAntagonists ? slowdownAt(instance, now) : 1;
    const at = now + (job.demandMs / instance.speed) * slowdown;
    this.#completions.push({ at, job, isError: false });
  }
}

/** Exponentially distributed with this mean. */
export function exponential(random: Random, mean: number): number {
  return -Math.log(1 - random.next()) * mean;
}

function slowdownAt(instance: Instance, now: number): number {
  while (now >= instance.nextTurnAt) {
    instance.isBothered = !instance.isBothered;
    const mean = instance.isBothered ? BOTHERED_MEAN_MS : QUIET_MEAN_MS;
    instance.nextTurnAt += exponential(instance.random, mean);
  }
  return instance.isBothered ? ANTAGONIST_SLOWDOWN : 1;
}

function nextWanted(instance: Instance): Job | undefined {
  while (instance.queueHead < instance.queue.length) {
    const job = instance.queue[instance.queueHead];
    instance.queueHead += 1;
    if (job?.isOver === false) {
      trim(instance);
      return job;
    }
  }
  instance.queue.length = 0;
  instance.queueHead = 0;
  return undefined;
}

function trim(instance: Instance): void {
  if (instance.queueHead < 1_024) return;
  instance.queue.splice(0, instance.queueHead);
  instance.queueHead = 0;
}

/** A binary heap of completions, the earliest first. */
class EventHeap {
  readonly #items: Completion[] = [];

  get first(): Completion | undefined {
    return this.#items[0];
  }

  push(item: Completion): void {
    const items = this.#items;
    items.push(item);
    let index = items.length - 1;
    while (index > 0) {
      const parent = (index - 1) >>> 1;
      if (this.#at(parent) <= item.at) break;
      this.#swap(index, parent);
      index = parent;
    }
  }

  pop(): Completion | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (first === undefined || last === undefined || items.length === 0) return first;
    items[0] = last;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const child = this.#at(left + 1) < this.#at(left) ? left + 1 : left;
      if (this.#at(child) >= this.#at(index)) return first;
      this.#swap(index, child);
      index = child;
    }
  }

  #at(index: number): number {
    return this.#items[index]?.at ?? Number.POSITIVE_INFINITY;
  }

  #swap(one: number, other: number): void {
    const items = this.#items;
    const [a, b] = [items[one], items[other]];
    if (a === undefined || b === undefined) return;
    items[one] = b;
    items[other] = a;
  }
}
