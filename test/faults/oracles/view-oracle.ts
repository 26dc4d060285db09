/**
 * What one view may show: S1 nothing removed again, S2 it shrinks by removals alone, S3 it never
 * goes back, S5 who was superseded does not win.
 *
 * Only the order of lines within a view is used, so logs need not be merged in time.
 */
import {
  type CountLine,
  compareTriples,
  type LogLine,
  type ProgramName,
  processOf,
  type RemovedLine,
  type ShownLine,
  type StampTriple,
} from "../log-line.js";
import { SETTLE_MS } from "./eviction-oracle.js";
import type { Timeline } from "./timeline.js";
import type { Verdict } from "./verdict.js";

export interface ShownInstance {
  readonly stamp: StampTriple;
  readonly state: string;
  readonly liveness: string;
  readonly owner: ProgramName;
  readonly serial: number;
}

/** Who wrote an incarnation, and when the first of all views showed it. */
interface Incarnation {
  readonly owner: ProgramName;
  firstShownAt: number;
}

/** A view showed an instance of one program after that of another. */
interface Succession {
  readonly at: number;
  readonly service: string;
  readonly id: string;
  readonly incarnation: Incarnation;
  readonly text: () => string;
}

interface ViewTrace {
  readonly shown: Map<string, ShownInstance>;
  /** Highest stamp that was removed, by id. */
  readonly buried: Map<string, StampTriple>;
}

export class ViewOracle {
  readonly #verdict: Verdict;
  readonly #timeline: Timeline;
  /** By `program service`. */
  readonly #views = new Map<string, ViewTrace>();
  /** By `service/id incarnation`. */
  readonly #incarnations = new Map<string, Incarnation>();
  #successions: Succession[] = [];

  constructor(verdict: Verdict, timeline: Timeline) {
    this.#verdict = verdict;
    this.#timeline = timeline;
  }

  take(line: LogLine): void {
    if (line.type === "shown") this.#takeShown(line);
    else if (line.type === "removed") this.#takeRemoved(line);
    else if (line.type === "count") this.#takeCount(line);
    else if (line.type === "view-restarted") this.#views.delete(keyOf(line));
  }

  /**
   * Judges what is so old that all lines about it are read, and forgets views of processes that
   * were killed so long ago.
   */
  settle(nowMs: number): void {
    const isOld = ({ at }: Succession) => at <= nowMs - SETTLE_MS;
    for (const succession of this.#successions.filter(isOld)) this.#judge(succession);
    this.#successions = this.#successions.filter((each) => !isOld(each));
    for (const key of this.#views.keys()) {
      const killedAt = this.#timeline.killedAt(processOf(key));
      if (killedAt !== undefined && killedAt <= nowMs - SETTLE_MS) this.#views.delete(key);
    }
  }

  /** What each view of a living program shows now, with the view's `program service`. */
  *views(): Iterable<readonly [program: ProgramName, service: string, ViewTrace["shown"]]> {
    for (const [key, { shown }] of this.#views) {
      const [program = "", service = ""] = key.split(" ");
      // Lines of a process may be read after the one that says that it was killed.
      if (this.#timeline.killedAt(processOf(program)) !== undefined) continue;
      yield [program, service, shown];
    }
  }

  #takeShown(line: ShownLine): void {
    const { at, id, owner, program, serial, service, stamp } = line;
    const view = this.#viewOf(line);
    const who = () => `${program} sees ${service}/${id} (${stamp.join(", ")})`;
    const buried = view.buried.get(id);
    this.#verdict.check("S1", buried === undefined || compareTriples(stamp, buried) > 0, at, () => {
      return `${who()} again after its removal at (${buried?.join(", ")})`;
    });
    const before = view.shown.get(id);
    const order = before === undefined ? 1 : compareTriples(stamp, before.stamp);
    const isForward = before === undefined || order > 0 || (order === 0 && serial >= before.serial);
    this.#verdict.check("S3", isForward, at, () => {
      return `${who()} serial ${serial} after (${before?.stamp.join(", ")}) serial ${before?.serial}`;
    });
    this.#checkOwner(line, before);
    const { liveness, state } = line;
    view.shown.set(id, { stamp, state, liveness, owner, serial });
  }

  #checkOwner(line: ShownLine, before: ShownInstance | undefined): void {
    const { at, id, owner, program, service, stamp } = line;
    const key = `${service}/${id} ${stamp[0]}`;
    const known = this.#incarnations.get(key) ?? { owner, firstShownAt: at };
    this.#incarnations.set(key, known);
    known.firstShownAt = Math.min(known.firstShownAt, at);
    this.#verdict.check("S5", known.owner === owner, at, () => {
      return `incarnation ${stamp[0]} of ${service}/${id} is of ${known.owner} and of ${owner}`;
    });
    if (before === undefined || before.owner === owner) return;
    const text = () =>
      `${program} sees ${service}/${id} of ${owner}, which was superseded, after ${before.owner}`;
    this.#successions.push({ at, service, id, incarnation: known, text });
  }

  /**
   * What a program wrote before it was superseded may still be on its way to some views. What no
   * view showed before, it wrote after it was told.
   */
  #judge({ at, service, id, incarnation, text }: Succession): void {
    const supersededAt = this.#timeline.supersededAt(incarnation.owner, service, id);
    const isGood = supersededAt === undefined || incarnation.firstShownAt <= supersededAt;
    this.#verdict.check("S5", isGood, at, text);
  }

  #takeRemoved(line: RemovedLine): void {
    const { at, id, program, reason, service, stamp } = line;
    const view = this.#viewOf(line);
    this.#verdict.check("S2", reason !== "" && reason !== "none", at, () => {
      return `${program} lost ${service}/${id} (${stamp.join(", ")}) without a reason`;
    });
    view.shown.delete(id);
    const buried = view.buried.get(id);
    if (buried === undefined || compareTriples(stamp, buried) > 0) view.buried.set(id, stamp);
  }

  #takeCount(line: CountLine): void {
    const { at, count, program, service } = line;
    const { shown } = this.#viewOf(line);
    this.#verdict.check("S2", shown.size === count, at, () => {
      return `${program} holds ${count} of ${service}, what it was told adds up to ${shown.size}`;
    });
  }

  #viewOf(line: { readonly program: ProgramName; readonly service: string }): ViewTrace {
    const key = keyOf(line);
    const known = this.#views.get(key);
    if (known !== undefined) return known;
    const view: ViewTrace = { shown: new Map(), buried: new Map() };
    this.#views.set(key, view);
    return view;
  }
}

function keyOf({ program, service }: { program: ProgramName; service: string }): string {
  return `${program} ${service}`;
}
