/** Judges the logs of all processes of a run, line by line as they come. */
import { type LogLine, type ProgramName, processOf } from "./log-line.js";
import { type Detection, DetectionOracle } from "./oracles/detection-oracle.js";
import { DrainOracle } from "./oracles/drain-oracle.js";
import { EvictionOracle } from "./oracles/eviction-oracle.js";
import { type Latency, LatencyOracle } from "./oracles/latency-oracle.js";
import { Standing } from "./oracles/standing.js";
import { Timeline } from "./oracles/timeline.js";
import { Trail } from "./oracles/trail.js";
import { Verdict } from "./oracles/verdict.js";
import { ViewOracle } from "./oracles/view-oracle.js";

/** What all client processes did. */
export interface LoadTotals {
  pickCount: number;
  emptyPickCount: number;
  changeCount: number;
  stallCount: number;
  shownCount: number;
}

export class Checker {
  readonly verdict = new Verdict();
  readonly timeline = new Timeline();
  readonly trail = new Trail();
  readonly totals: LoadTotals = {
    ...{ pickCount: 0, emptyPickCount: 0, changeCount: 0, stallCount: 0, shownCount: 0 },
  };
  readonly #views = new ViewOracle(this.verdict, this.timeline);
  readonly #evictions = new EvictionOracle(this.verdict, this.timeline);
  readonly #detections = new DetectionOracle(this.timeline);
  readonly #drains = new DrainOracle(this.verdict, this.timeline);
  readonly #standing = new Standing();
  readonly #latencies = new LatencyOracle();
  readonly #sessionCounts = new Map<string, number>();
  readonly #nodes = new Map<ProgramName, string>();

  /** Lines of one process come in order; those of different processes in any. */
  take(line: LogLine): void {
    this.timeline.take(line);
    this.trail.take(line);
    this.#standing.take(line);
    this.#views.take(line);
    this.#evictions.take(line);
    this.#detections.take(line);
    this.#drains.take(line);
    this.#latencies.take(line);
    if (line.type === "load") {
      this.totals.pickCount += line.pickCount;
      this.totals.emptyPickCount += line.emptyPickCount;
      this.totals.changeCount += line.changeCount;
      const isKilled = this.timeline.killedAt(line.process) !== undefined;
      this.#sessionCounts.set(line.process, isKilled ? 0 : line.sessionCount);
    } else if (line.type === "online") this.#takeOnline(line.program, line.nodeId);
    else if (line.type === "stalled") this.totals.stallCount += 1;
    else if (line.type === "shown" || line.type === "removed") this.totals.shownCount += 1;
    else if (line.type === "killed" && !line.isServer) this.#forget(line.process);
  }

  /** Judges what happened before; Infinity at the end: everything. */
  settle(nowMs: number): void {
    this.#views.settle(nowMs);
    this.#evictions.settle(nowMs);
    this.#drains.settle(nowMs);
    this.#detections.settle(nowMs);
    if (nowMs !== Number.POSITIVE_INFINITY) this.timeline.forget(nowMs);
  }

  /** All that views were told of the dead so far, whether or not all logs of that time are read. */
  settleDetections(): void {
    this.#detections.settle(Number.POSITIVE_INFINITY);
  }

  get standing(): ReadonlyMap<string, ProgramName> {
    return this.#standing.owners;
  }

  get detections(): {
    readonly told: readonly Detection[];
    readonly removed: readonly Detection[];
  } {
    return this.#detections;
  }

  /** From an update to each view that showed it. */
  get latencies(): readonly Latency[] {
    return this.#latencies.latencies;
  }

  get drains(): { readonly confirmedCount: number; readonly unconfirmedCount: number } {
    return this.#drains;
  }

  /** Sessions connected, by the processes' last words. */
  get sessionCount(): number {
    return [...this.#sessionCounts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Nodes that sessions went online at last. */
  get nodesWithSessions(): ReadonlySet<string> {
    return new Set(this.#nodes.values());
  }

  /** In each view that shows instances of a program: their liveness. */
  livenessOf(owner: ProgramName): string[] {
    return [...this.#views.views()].flatMap(([, , shown]) =>
      [...shown.values()].filter((each) => each.owner === owner).map((each) => each.liveness),
    );
  }

  /** How often views show an instance, in whatever state, whose process was killed. */
  get shownDeadCount(): number {
    let count = 0;
    for (const [, , shown] of this.#views.views()) {
      for (const { owner } of shown.values()) {
        if (this.timeline.killedAt(processOf(owner)) !== undefined) count += 1;
      }
    }
    return count;
  }

  /** At rest: what views show beside or instead of what stands. */
  viewUntruths(): string[] {
    const found: string[] = [];
    for (const [program, service, shown] of this.#views.views()) {
      for (const [id, { liveness }] of shown) {
        if (liveness === "alive" && !this.standing.has(`${service}/${id}`)) {
          found.push(`${program} shows ${service}/${id}, which is gone, as alive`);
        }
      }
      for (const [name] of this.standing) {
        if (!name.startsWith(`${service}/`)) continue;
        const held = shown.get(name.slice(service.length + 1));
        if (held?.liveness !== "alive") {
          found.push(`${program} shows ${name} ${held?.liveness ?? "not at all"}`);
        }
      }
    }
    return found;
  }

  #takeOnline(program: ProgramName, nodeId: string): void {
    if (this.timeline.killedAt(processOf(program)) === undefined) this.#nodes.set(program, nodeId);
  }

  #forget(process: string): void {
    this.#sessionCounts.delete(process);
    for (const program of this.#nodes.keys()) {
      if (processOf(program) === process) this.#nodes.delete(program);
    }
  }
}
