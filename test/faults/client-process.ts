/**
 * A process with many sessions: started by the harness, told over its channel what to do, and
 * recording everything. Ends when the harness is gone.
 */
import { readFileSync } from "node:fs";
import { randomBelow, SeededRandom } from "@fpzk/core";
import { clockMs } from "./log-line.js";
import { Program, type ProgramPlan, pauseReading } from "./program.js";
import { Recorder } from "./recorder.js";

export interface ClientPlan {
  readonly name: string;
  /** Where the log goes. */
  readonly folder: string;
  readonly programs: readonly ProgramPlan[];
  readonly seed: number;
  /** Sessions opened at the same time while starting. */
  readonly startsAtOnce?: number;
}

/** Steady work of a process. */
export interface LoadPlan {
  /** Pause between two changes. */
  readonly changeIntervalMs: number;
  /** Pause between two rounds in which each view picks once. */
  readonly pickIntervalMs: number;
}

export type ClientCommand =
  | { readonly type: "load"; readonly load: LoadPlan | undefined }
  | { readonly type: "pause-reading"; readonly isPaused: boolean }
  | {
      readonly type: "do";
      readonly program: number;
      readonly what: "register" | "update" | "drain" | "online" | "deregister";
      readonly service: string;
      readonly id: string;
    }
  | { readonly type: "close" };

/** What the process tells the harness. */
export type ClientReport =
  | { readonly type: "ready" }
  | { readonly type: "done"; readonly number: number; readonly isOk: boolean };

const STARTS_AT_ONCE_DEFAULT = 20;
const COUNT_INTERVAL_MS = 2_000;
const STALL_CHECK_MS = 200;
const STALL_MIN_MS = 500;

class ClientProcess {
  readonly #plan: ClientPlan;
  readonly #recorder: Recorder;
  readonly #programs: readonly Program[];
  readonly #random: SeededRandom;
  /** Changes under way, by the program that makes them. */
  readonly #busy = new Map<Program, Promise<void>>();
  readonly #timers: NodeJS.Timeout[] = [];
  #pickCount = 0;
  #emptyPickCount = 0;
  #changeCount = 0;
  #lastCheckMs = performance.now();

  constructor(plan: ClientPlan) {
    this.#plan = plan;
    this.#recorder = new Recorder(plan.folder, plan.name);
    this.#programs = plan.programs.map((each) => new Program(each, this.#recorder));
    this.#random = new SeededRandom(plan.seed);
    setInterval(() => this.#checkStall(), STALL_CHECK_MS).unref();
    setInterval(() => this.#recordCounts(), COUNT_INTERVAL_MS).unref();
  }

  async start(): Promise<void> {
    const waiting = [...this.#programs];
    const lanes = Array.from(
      { length: this.#plan.startsAtOnce ?? STARTS_AT_ONCE_DEFAULT },
      async () => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          await next.start();
        }
      },
    );
    await Promise.all(lanes);
  }

  async perform(command: ClientCommand): Promise<boolean> {
    switch (command.type) {
      case "load":
        this.#setLoad(command.load);
        if (command.load === undefined) await Promise.all(this.#busy.values());
        return true;
      case "pause-reading":
        pauseReading(command.isPaused);
        return true;
      case "do": {
        const program = this.#programs[command.program];
        if (program === undefined) return false;
        return program[command.what](command.service, command.id);
      }
      case "close":
        this.#setLoad(undefined);
        await Promise.all(this.#programs.map((program) => program.close()));
        this.#recorder.flush();
        return true;
    }
  }

  #setLoad(load: LoadPlan | undefined): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    if (load === undefined) return;
    this.#timers.push(setInterval(() => this.#change(), load.changeIntervalMs));
    this.#timers.push(setInterval(() => this.#pick(), load.pickIntervalMs));
  }

  #pick(): void {
    for (const program of this.#programs) {
      const { found, empty } = program.pick();
      this.#pickCount += found;
      this.#emptyPickCount += empty;
    }
  }

  /** One change by one program that has none under way. */
  #change(): void {
    const program = this.#programs[randomBelow(this.#random, this.#programs.length)];
    if (program === undefined || this.#busy.has(program)) return;
    this.#changeCount += 1;
    const change = this.#changeOne(program).finally(() => this.#busy.delete(program));
    this.#busy.set(program, change);
  }

  async #changeOne(program: Program): Promise<void> {
    const first = program.plan.registers[0];
    if (first === undefined) return;
    const { id, service } = first;
    const extraId = `${id}-x${randomBelow(this.#random, 3)}`;
    const isHeld = (wanted: string) => program.handles.some((handle) => handle.id === wanted);
    const draw = randomBelow(this.#random, 100);
    if (draw < 40) {
      await program[isHeld(extraId) ? "deregister" : "register"](service, extraId);
    } else if (!isHeld(id)) {
      await program.register(service, id);
    } else if (draw < 80) {
      await program.update(service, id);
    } else {
      const isDrained = await program.drain(service, id);
      if (draw < 90 || !isDrained) await program.online(service, id);
      else await program.deregister(service, id);
    }
  }

  #recordCounts(): void {
    for (const program of this.#programs) program.recordCounts();
    this.#recorder.write({
      type: "load",
      at: clockMs(),
      process: this.#plan.name,
      pickCount: this.#pickCount,
      emptyPickCount: this.#emptyPickCount,
      changeCount: this.#changeCount,
      sessionCount: this.#programs.filter((each) => each.connectedNodeId !== undefined).length,
    });
    this.#pickCount = 0;
    this.#emptyPickCount = 0;
    this.#changeCount = 0;
  }

  #checkStall(): void {
    const nowMs = performance.now();
    const elapsedMs = Math.round(nowMs - this.#lastCheckMs);
    this.#lastCheckMs = nowMs;
    if (elapsedMs < STALL_MIN_MS) return;
    this.#recorder.write({ type: "stalled", at: clockMs(), process: this.#plan.name, elapsedMs });
  }
}

const plan = readFileSync(process.argv[2] ?? "no plan was given", "utf8");
const clients = new ClientProcess(JSON.parse(plan) as ClientPlan);
const report = (line: ClientReport) => process.send?.(line);
process.on("disconnect", () => process.exit(0));
process.on("message", (message) => {
  const { command, number } = message as { command: ClientCommand; number: number };
  void clients.perform(command).then((isOk) => report({ type: "done", number, isOk }));
});
await clients.start();
report({ type: "ready" });
