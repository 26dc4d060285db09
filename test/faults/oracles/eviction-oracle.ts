/**
 * S4 and the evidence of S2: nothing is removed without its program's wish while that program lives.
 *
 * The first view that shows a removal says when it happened; it is judged later, when all logs of
 * that time are read.
 */
import type { LogLine, ProgramName, RemovedLine, StampTriple } from "../log-line.js";
import { programRan, type Timeline } from "./timeline.js";
import type { Verdict } from "./verdict.js";

interface Removal {
  firstAt: number;
  readonly service: string;
  readonly id: string;
  readonly stamp: StampTriple;
  readonly owner: ProgramName;
  readonly reason: string;
  viewCount: number;
  isJudged: boolean;
}

/** Undisturbed for so long before its removal, a program gave no reason for it. */
const UNDISTURBED_MS = 20_000;
/** Until all logs of a moment are surely read, also of processes that stood still. */
export const SETTLE_MS = 40_000;
/** Views of a region that was cut off tell of removals late; they are the same ones. */
const MEMORY_MS = 600_000;
const WISHED = new Set(["deregistered", "drained"]);

export class EvictionOracle {
  readonly #verdict: Verdict;
  readonly #timeline: Timeline;
  readonly #removals = new Map<string, Removal>();

  constructor(verdict: Verdict, timeline: Timeline) {
    this.#verdict = verdict;
    this.#timeline = timeline;
  }

  take(line: LogLine): void {
    if (line.type === "removed") this.#takeRemoved(line);
  }

  /** Judges what happened long enough ago. */
  settle(nowMs: number): void {
    for (const [key, removal] of this.#removals) {
      if (!removal.isJudged && removal.firstAt <= nowMs - SETTLE_MS) this.#judge(removal);
      if (removal.firstAt < nowMs - MEMORY_MS) this.#removals.delete(key);
    }
  }

  #takeRemoved({ at, id, owner, reason, service, stamp }: RemovedLine): void {
    const key = `${service}/${id} ${stamp.join()} ${owner}`;
    const known = this.#removals.get(key);
    if (known === undefined) {
      const removal = { firstAt: at, service, id, stamp, owner, reason };
      this.#removals.set(key, { ...removal, viewCount: 1, isJudged: false });
      return;
    }
    known.viewCount += 1;
    if (!known.isJudged) known.firstAt = Math.min(known.firstAt, at);
  }

  #judge(removal: Removal): void {
    removal.isJudged = true;
    const { firstAt, id, owner, reason, service, stamp, viewCount } = removal;
    const wasLiving = programRan(this.#timeline, owner, firstAt - UNDISTURBED_MS, firstAt);
    const didAsk = this.#timeline.askedToLeave(owner, service, id, firstAt);
    const what = () =>
      `${service}/${id} (${stamp.join(", ")}) of ${owner} was removed (${reason}) in ${viewCount} views`;
    if (WISHED.has(reason)) {
      this.#verdict.check("S2", didAsk || !wasLiving, firstAt, () => `${what()}: nobody asked`);
    } else if (
      !didAsk &&
      wasLiving &&
      this.#timeline.wasStarved(firstAt - UNDISTURBED_MS, firstAt)
    ) {
      this.#verdict.excuse("S4");
    } else {
      this.#verdict.check("S4", didAsk || !wasLiving, firstAt, () => `${what()}, which lives`);
    }
  }
}
