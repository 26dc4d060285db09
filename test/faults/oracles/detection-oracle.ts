/** L2: how soon each view was told of programs that were killed. */
import { type LogLine, processOf } from "../log-line.js";
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
  /** Views that showed an instance before its program was killed: others cannot learn of its end. */
  readonly #showing = new Set<string>();
  /** What else there was is judged when all logs of that time are read. */
  #pending: { readonly into: Detection[]; readonly killedAt: number; readonly toldAt: number }[] =
    [];

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  take(line: LogLine): void {
    if (line.type !== "shown" && line.type !== "removed") return;
    const killedAt = this.#timeline.killedAt(processOf(line.owner));
    const view = `${line.program} ${line.service}/${line.id} ${line.owner}`;
    if (killedAt === undefined || line.at < killedAt) {
      if (line.type === "shown") this.#showing.add(view);
      else this.#showing.delete(view);
      return;
    }
    if (!this.#showing.has(view)) return;
    const isTold = line.type === "removed" || line.liveness === "suspect";
    if (!isTold) return;
    this.#sample(this.told, `told ${view}`, { killedAt, toldAt: line.at });
    if (line.type !== "removed") return;
    this.#sample(this.removed, `removed ${view}`, { killedAt, toldAt: line.at });
  }

  #sample(
    into: Detection[],
    key: string,
    times: { readonly killedAt: number; readonly toldAt: number },
  ): void {
    if (this.#known.has(key)) return;
    this.#known.add(key);
    this.#pending.push({ into, ...times });
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
