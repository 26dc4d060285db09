/**
 * What every process of a fault run writes down, one JSON line each. All times (`at`) are the
 * machine's monotonic clock in ms, equal for all processes of one machine.
 */

/** (incarnation, session, claim). */
export type StampTriple = readonly [number, number, number];

/** Of one session: `process/number`. */
export type ProgramName = string;

interface Line {
  readonly at: number;
}

interface OfView extends Line {
  readonly program: ProgramName;
  readonly service: string;
}

/** A view showed an instance, anew or changed. */
export interface ShownLine extends OfView {
  readonly type: "shown";
  readonly id: string;
  readonly stamp: StampTriple;
  readonly state: string;
  readonly liveness: string;
  /** Program that registered it. */
  readonly owner: ProgramName;
  /** Raised by its owner with each update. */
  readonly serial: number;
  /** When this view last picked it; 0: never. */
  readonly pickedAt: number;
}

export interface RemovedLine extends OfView {
  readonly type: "removed";
  readonly id: string;
  readonly stamp: StampTriple;
  readonly owner: ProgramName;
  readonly reason: string;
  readonly pickedAt: number;
}

/** How many instances a view holds, told from time to time: it must be what the lines add up to. */
export interface CountLine extends OfView {
  readonly type: "count";
  readonly count: number;
  readonly isCurrent: boolean;
}

/** A view begins anew: its subscriber was told that it lagged. */
export interface RestartedLine extends OfView {
  readonly type: "view-restarted";
}

export interface SessionLine extends Line {
  readonly type: "online" | "offline";
  readonly program: ProgramName;
  /** Empty for `offline`. */
  readonly nodeId: string;
}

export type Ask = "register" | "update" | "drain" | "online" | "deregister" | "close";

export interface AskedLine extends Line {
  readonly type: "asked";
  readonly program: ProgramName;
  readonly ask: Ask;
  readonly service: string;
  readonly id: string;
  /** Names the answer; unique in a program. */
  readonly request: number;
  /** Of an update: what it raises the serial to. */
  readonly serial?: number;
}

export interface AnsweredLine extends Line {
  readonly type: "answered";
  readonly program: ProgramName;
  readonly ask: Ask;
  readonly service: string;
  readonly id: string;
  readonly request: number;
  /** `ok`, or the code of the error. */
  readonly outcome: string;
  /** Of a drain: who did not confirm. */
  readonly unconfirmed?: readonly string[];
}

export interface SupersededLine extends Line {
  readonly type: "superseded";
  readonly program: ProgramName;
  readonly service: string;
  readonly id: string;
}

/** A process, of clients or a server, stood still; also after it was stopped on purpose. */
export interface StalledLine extends Line {
  readonly type: "stalled";
  readonly process: string;
  readonly elapsedMs: number;
}

/** What a client process did since its last line of this kind. */
export interface LoadLine extends Line {
  readonly type: "load";
  readonly process: string;
  readonly pickCount: number;
  /** Picks that found nothing in a view that shows instances that are up. */
  readonly emptyPickCount: number;
  readonly changeCount: number;
  /** Sessions that have a node. */
  readonly sessionCount: number;
}

/** The harness ended, stopped or continued a process. */
export interface SignalLine extends Line {
  readonly type: "killed" | "stopped" | "continued" | "started";
  readonly process: string;
  readonly isServer: boolean;
}

/** The harness began or ended a fault. */
export interface FaultLine extends Line {
  readonly type: "fault";
  readonly kind: string;
  readonly phase: "begin" | "end";
  readonly detail: string;
}

export type LogLine =
  | ShownLine
  | RemovedLine
  | CountLine
  | RestartedLine
  | SessionLine
  | AskedLine
  | AnsweredLine
  | SupersededLine
  | StalledLine
  | LoadLine
  | SignalLine
  | FaultLine;

/** The machine's monotonic clock in ms, to a tenth. */
export function clockMs(): number {
  return Number(process.hrtime.bigint() / 100_000n) / 10;
}

export function processOf(program: ProgramName): string {
  return program.slice(0, program.indexOf("/"));
}

/** Higher wins. */
export function compareTriples(a: StampTriple, b: StampTriple): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}
