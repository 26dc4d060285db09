/** L2: how soon each view was told of programs that were killed. */
import { type LogLine, type ProgramName, processOf } from "../log-line.js";
import type { Timeline } from "./timeline.js";

/** One view told of the end of one instance. */
export interface Detection {
  readonly killedAt: number;
  readonly toldAt: number;
  /** No other fault was there. */
  readonly isQuiet: boolean;
}

export class DetectionOracle {
  readonly #timeline: Timeline;
  /** First word of suspicion or removal. */
  readonly told: Detection[] = [];
  readonly removed: Detection[] = [];
  readonly #known = new Set<string>();

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  take(line: LogLine): void {
    if (line.type !== "shown" && line.type !== "removed") return;
    const killedAt = this.#timeline.killedAt(processOf(line.owner));
    if (killedAt === undefined || line.at < killedAt) return;
    const isTold = line.type === "removed" || line.liveness === "suspect";
    if (!isTold) return;
    this.#sample(this.told, "told", line, killedAt);
    if (line.type === "removed") this.#sample(this.removed, "removed", line, killedAt);
  }

  #sample(
    into: Detection[],
    what: string,
    line: { at: number; program: ProgramName; service: string; id: string; owner: ProgramName },
    killedAt: number,
  ): void {
    const key = `${what} ${line.program} ${line.service}/${line.id} ${line.owner}`;
    if (this.#known.has(key)) return;
    this.#known.add(key);
    // Later lines tell of faults that ended; one that is there now is known now.
    const isQuiet = this.#timeline.wasQuiet(killedAt - QUIET_MS, line.at);
    into.push({ killedAt, toldAt: line.at, isQuiet });
  }
}

/** What a fault leaves behind may take so long. */
const QUIET_MS = 15_000;
