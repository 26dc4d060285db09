/** Who ran, who stood still, who was connected and what was asked: what excuses are judged by. */
import {
  type AskedLine,
  type FaultLine,
  type LogLine,
  type ProgramName,
  processOf,
  type SessionLine,
} from "../log-line.js";

interface Interval {
  readonly from: number;
  until: number;
}

/** What is older than this is forgotten: nothing is judged so late. */
const MEMORY_MS = 600_000;

export class Timeline {
  readonly #killedAt = new Map<string, number>();
  readonly #standstills = new Map<string, Interval[]>();
  /** When some process stood still that nobody had stopped. */
  #starved: Interval[] = [];
  readonly #sessions = new Map<ProgramName, SessionLine[]>();
  readonly #asks = new Map<string, AskedLine[]>();
  readonly #supersededAt = new Map<string, number>();
  readonly #faults: (Interval & { readonly kind: string; readonly detail: string })[] = [];
  readonly #serverEnds = new Map<string, number[]>();

  take(line: LogLine): void {
    switch (line.type) {
      case "killed":
        if (line.isServer) push(this.#serverEnds, line.process, line.at);
        else this.#killedAt.set(line.process, line.at);
        return;
      case "stopped":
        push(this.#standstills, line.process, { from: line.at, until: Number.POSITIVE_INFINITY });
        return;
      case "continued": {
        const last = this.#standstills.get(line.process)?.at(-1);
        if (last !== undefined) last.until = line.at;
        return;
      }
      case "stalled": {
        const interval = { from: line.at - line.elapsedMs, until: line.at };
        // A server that was stopped on purpose is no machine with too much work.
        const isOnPurpose = this.#wasStopped(line.process, interval.from, interval.until);
        if (!isOnPurpose) this.#starved.push(interval);
        push(this.#standstills, line.process, interval);
        return;
      }
      case "online":
      case "offline":
        push(this.#sessions, line.program, line);
        return;
      case "asked":
        push(this.#asks, askKey(line), line);
        return;
      case "superseded":
        this.#supersededAt.set(askKey(line), line.at);
        return;
      case "fault":
        this.#takeFault(line);
        return;
      default:
        return;
    }
  }

  /** When the harness killed a client process; undefined: it did not. */
  killedAt(process: string): number | undefined {
    return this.#killedAt.get(process);
  }

  get killedProcesses(): ReadonlyMap<string, number> {
    return this.#killedAt;
  }

  /** Whether a process (client or server) ran all the time between two moments. */
  ranBetween(process: string, from: number, until: number): boolean {
    const killedAt = this.#killedAt.get(process);
    if (killedAt !== undefined && killedAt <= until) return false;
    if (this.#serverEnds.get(process)?.some((at) => at >= from && at <= until) === true) {
      return false;
    }
    const standstills = this.#standstills.get(process) ?? [];
    return !standstills.some((each) => each.from <= until && each.until >= from);
  }

  /** Whether the machine left some process without time between two moments. */
  wasStarved(from: number, until: number): boolean {
    return this.#starved.some((each) => each.from <= until && each.until >= from);
  }

  /** The node that a program was connected to all the time between two moments, if it was to one. */
  nodeBetween(program: ProgramName, from: number, until: number): string | undefined {
    let nodeId: string | undefined;
    for (const line of this.#sessions.get(program) ?? []) {
      if (line.at > until) break;
      // The view of a moment before `from` counts as long as nothing changed until then.
      if (line.at >= from) return undefined;
      nodeId = line.type === "online" ? line.nodeId : undefined;
    }
    return nodeId;
  }

  /** Whether a program asked for the end of one of its registrations, or of all, by a moment. */
  askedToLeave(program: ProgramName, service: string, id: string, at: number): boolean {
    const own = this.#asks.get(askKey({ program, service, id })) ?? [];
    const all = this.#asks.get(askKey({ program, service: "", id: "" })) ?? [];
    return (
      own.some((line) => line.ask === "deregister" && line.at <= at) ||
      all.some((line) => line.ask === "close" && line.at <= at)
    );
  }

  /** First ask of a kind after a moment. */
  firstAskAfter(
    asked: { readonly program: ProgramName; readonly service: string; readonly id: string },
    asks: ReadonlySet<string>,
    at: number,
  ): number {
    const own = this.#asks.get(askKey(asked)) ?? [];
    const found = own.find((line) => line.at > at && asks.has(line.ask));
    return found?.at ?? Number.POSITIVE_INFINITY;
  }

  supersededAt(program: ProgramName, service: string, id: string): number | undefined {
    return this.#supersededAt.get(askKey({ program, service, id }));
  }

  /** Whether a fault of the network was there at any time between two moments. */
  hadNetworkFault(from: number, until: number): boolean {
    return this.#faults.some(
      (each) => each.kind.startsWith("wire-") && each.from <= until && each.until >= from,
    );
  }

  /** Whether no fault at all was there, but for kills of clients. */
  wasQuiet(from: number, until: number): boolean {
    return !this.#faults.some(
      (each) => each.kind !== "client-kill" && each.from <= until && each.until >= from,
    );
  }

  /** Faults begun so far, by kind. */
  readonly faultCounts = new Map<string, number>();

  forget(nowMs: number): void {
    const oldest = nowMs - MEMORY_MS;
    for (const [process, intervals] of this.#standstills) {
      this.#standstills.set(
        process,
        intervals.filter((each) => each.until >= oldest),
      );
    }
    this.#starved = this.#starved.filter((each) => each.until >= oldest);
    for (const [program, lines] of this.#sessions) {
      // The last one before says where the program was.
      const index = lines.findLastIndex((line) => line.at < oldest);
      if (index > 0) this.#sessions.set(program, lines.slice(index));
    }
    for (const [key, lines] of this.#asks) {
      const recent = lines.filter((line) => line.at >= oldest || line.ask === "close");
      if (recent.length === 0) this.#asks.delete(key);
      else this.#asks.set(key, recent);
    }
  }

  #wasStopped(process: string, from: number, until: number): boolean {
    const standstills = this.#standstills.get(process) ?? [];
    // The end of a stop is told just before the process goes on.
    return standstills.some((each) => each.from <= until && each.until + 1_000 >= from);
  }

  #takeFault({ at, detail, kind, phase }: FaultLine): void {
    if (phase === "begin") {
      this.faultCounts.set(kind, (this.faultCounts.get(kind) ?? 0) + 1);
      this.#faults.push({ kind, detail, from: at, until: Number.POSITIVE_INFINITY });
      return;
    }
    const open = this.#faults.findLast(
      (each) => each.kind === kind && each.detail === detail && each.until > at,
    );
    if (open !== undefined) open.until = at;
  }
}

function askKey(of: { program: ProgramName; service: string; id: string }): string {
  return `${of.program} ${of.service}/${of.id}`;
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

/** Whether a program's process ran all the time between two moments. */
export function programRan(
  timeline: Timeline,
  program: ProgramName,
  from: number,
  until: number,
): boolean {
  return timeline.ranBetween(processOf(program), from, until);
}
