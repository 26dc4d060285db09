/** L3: every drain ends, and when all confirmed it, nobody picks the instance after. */
import type { AnsweredLine, AskedLine, LogLine, ProgramName } from "../log-line.js";
import { SETTLE_MS } from "./eviction-oracle.js";
import { programRan, type Timeline } from "./timeline.js";
import type { Verdict } from "./verdict.js";

interface Drained {
  readonly asked: AskedLine;
  readonly answered: AnsweredLine;
}

interface LatePick {
  readonly program: ProgramName;
  readonly pickedAt: number;
  readonly drained: Drained;
}

/** Far more than the drain's own timeout: what is asserted is that it ends. */
const DRAIN_MAX_MS = 60_000;
const MEMORY_MS = 600_000;
/** What undoes a drain. */
const UNDOES = new Set(["online", "register"]);

export class DrainOracle {
  readonly #verdict: Verdict;
  readonly #timeline: Timeline;
  readonly #open = new Map<string, AskedLine>();
  /** Confirmed by all, by `service/id`. */
  readonly #drained = new Map<string, Drained[]>();
  readonly #latePicks: LatePick[] = [];
  /** Drains that all confirmed, and that somebody did not. */
  confirmedCount = 0;
  unconfirmedCount = 0;

  constructor(verdict: Verdict, timeline: Timeline) {
    this.#verdict = verdict;
    this.#timeline = timeline;
  }

  take(line: LogLine): void {
    if (line.type === "asked" && line.ask === "drain") this.#open.set(keyOf(line), line);
    else if (line.type === "answered" && line.ask === "drain") this.#takeAnswer(line);
    else if (line.type === "shown" || line.type === "removed") {
      this.#takePick(line.program, `${line.service}/${line.id}`, line.owner, line.pickedAt);
    }
  }

  settle(nowMs: number): void {
    for (const [key, asked] of this.#open) {
      if (asked.at > nowMs - DRAIN_MAX_MS - SETTLE_MS) continue;
      this.#open.delete(key);
      const didRun = programRan(this.#timeline, asked.program, asked.at, asked.at + DRAIN_MAX_MS);
      this.#verdict.check("L3", !didRun, asked.at, () => {
        return `drain of ${asked.service}/${asked.id} by ${asked.program} did not end`;
      });
    }
    for (const pick of this.#latePicks.splice(0)) {
      if (pick.pickedAt > nowMs - SETTLE_MS) this.#latePicks.push(pick);
      else this.#judge(pick);
    }
    for (const [name, list] of this.#drained) {
      const recent = list.filter(({ answered }) => answered.at >= nowMs - MEMORY_MS);
      if (recent.length === 0) this.#drained.delete(name);
      else this.#drained.set(name, recent);
    }
  }

  #takeAnswer(answered: AnsweredLine): void {
    const asked = this.#open.get(keyOf(answered));
    this.#open.delete(keyOf(answered));
    if (asked === undefined) return;
    const tookMs = answered.at - asked.at;
    const didRun = programRan(this.#timeline, asked.program, asked.at, answered.at);
    this.#verdict.check("L3", tookMs <= DRAIN_MAX_MS || !didRun, answered.at, () => {
      return `drain of ${asked.service}/${asked.id} by ${asked.program} took ${tookMs} ms`;
    });
    if (answered.outcome !== "ok") return;
    if (answered.unconfirmed?.length !== 0) {
      this.unconfirmedCount += 1;
      return;
    }
    this.confirmedCount += 1;
    const name = `${asked.service}/${asked.id}`;
    this.#drained.set(name, [...(this.#drained.get(name) ?? []), { asked, answered }]);
  }

  #takePick(program: ProgramName, name: string, owner: ProgramName, pickedAt: number): void {
    if (pickedAt === 0) return;
    for (const drained of this.#drained.get(name) ?? []) {
      const isOwn = drained.asked.program === owner;
      if (!isOwn || pickedAt <= drained.answered.at) continue;
      if (!this.#isUndone(drained, pickedAt)) this.#latePicks.push({ program, pickedAt, drained });
    }
  }

  #isUndone({ asked }: Drained, at: number): boolean {
    return this.#timeline.firstAskAfter(asked, UNDOES, asked.at) <= at;
  }

  #judge({ drained, pickedAt, program }: LatePick): void {
    const { answered, asked } = drained;
    // That it was undone may have been read after the pick.
    if (this.#isUndone(drained, pickedAt)) return;
    const nodeId = this.#timeline.nodeBetween(program, asked.at, pickedAt);
    const isExcused =
      nodeId === undefined ||
      !programRan(this.#timeline, program, asked.at, pickedAt) ||
      !this.#timeline.ranBetween(nodeId, asked.at - SETTLE_MS, pickedAt) ||
      this.#timeline.hadNetworkFault(asked.at - SETTLE_MS, pickedAt);
    this.#verdict.check("L3", isExcused, pickedAt, () => {
      const lateMs = Math.round(pickedAt - answered.at);
      return `${program} at ${nodeId} picked ${asked.service}/${asked.id} ${lateMs} ms after all had confirmed its drain`;
    });
  }
}

function keyOf(line: { readonly program: ProgramName; readonly request: number }): string {
  return `${line.program} ${line.request}`;
}
