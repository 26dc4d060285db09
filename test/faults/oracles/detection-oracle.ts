/** L2: how soon each view was told of programs that were killed. */
import { type LogLine, type ProgramName, processOf } from "../log-line.js";
import { SETTLE_MS } from "./eviction-oracle.js";
import type { Timeline } from "./timeline.js";

/** One view told of the end of one instance. */
export interface Detection {
  readonly killedAt: number;
  readonly toldAt: number;
  readonly weather: Weather;
}

/** What else there was: nothing, a machine that left some process without time, or other faults. */
export type Weather = "calm" | "starved" | "faults";

export class DetectionOracle {
  readonly #timeline: Timeline;
  /** First word of suspicion or removal. */
  readonly told: Detection[] = [];
  readonly removed: Detection[] = [];
  readonly #known = new Set<string>();
  /** What else there was is judged when all logs of that time are read. */
  #pending: { readonly into: Detection[]; readonly killedAt: number; readonly toldAt: number }[] =
    [];

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
    this.#pending.push({ into, killedAt, toldAt: line.at });
  }

  settle(nowMs: number): void {
    const isOld = (each: { toldAt: number }) => each.toldAt <= nowMs - SETTLE_MS;
    for (const { into, killedAt, toldAt } of this.#pending.filter(isOld)) {
      into.push({ killedAt, toldAt, weather: this.#weatherOf(killedAt, toldAt) });
    }
    this.#pending = this.#pending.filter((each) => !isOld(each));
  }

  #weatherOf(killedAt: number, toldAt: number): Weather {
    if (!this.#timeline.wasQuiet(killedAt - QUIET_MS, toldAt)) return "faults";
    return this.#timeline.wasStarved(killedAt - STARVED_MS, toldAt) ? "starved" : "calm";
  }
}

/** What a fault leaves behind may take so long. */
const QUIET_MS = 15_000;
const STARVED_MS = 1_000;
