/** The callers of all regions: what they told so far, put together. */
import type { Histogram } from "hdr-histogram-js";
import { addEncodedLatencies, createLatencies } from "./latencies.js";
import type { ManagedProcess } from "./managed-process.js";
import {
  type CallCounts,
  type CallerOrder,
  type CallerReport,
  type CallFailure,
  type CallWindow,
  PATHS,
  type Path,
} from "./plan.js";

export class CallerGroup {
  readonly failures: CallFailure[] = [];
  readonly latencies: Readonly<Record<Path, Histogram>> = Object.fromEntries(
    PATHS.map((path) => [path, createLatencies()]),
  ) as Record<Path, Histogram>;
  onFailure: (failure: CallFailure) => void = () => {};
  onWindow: (region: string, window: CallWindow) => void = () => {};
  readonly #processes = new Map<string, ManagedProcess>();
  readonly #counts = new Map<string, CallCounts>();
  readonly #finished = new Set<string>();
  #onFinished: () => void = () => {};

  add(region: string, process: ManagedProcess): void {
    this.#processes.set(region, process);
    process.child.on("message", (report) => this.#take(region, report as CallerReport));
  }

  get counts(): CallCounts {
    const all = [...this.#counts.values()];
    const sum = (name: keyof CallCounts) => all.reduce((total, each) => total + each[name], 0);
    return {
      sentCount: sum("sentCount"),
      doneCount: sum("doneCount"),
      failedCount: sum("failedCount"),
    };
  }

  start(): void {
    this.#tellAll({ type: "start" });
  }

  /** Sends no more; resolves when every call is over and counted. */
  async finish(): Promise<CallCounts> {
    const finished = new Promise<void>((resolve) => {
      this.#onFinished = resolve;
    });
    for (const process of this.#processes.values()) process.expectEnd();
    this.#tellAll({ type: "finish" });
    await finished;
    return this.counts;
  }

  #tellAll(order: CallerOrder): void {
    for (const { child } of this.#processes.values()) child.send(order);
  }

  #take(region: string, report: CallerReport): void {
    switch (report.type) {
      case "ready":
        return;
      case "counts":
        this.#counts.set(region, report.counts);
        this.onWindow(region, report.window);
        return;
      case "failed":
        this.failures.push(report.failure);
        this.onFailure(report.failure);
        return;
      case "finished":
        this.#counts.set(region, report.counts);
        for (const path of PATHS) addEncodedLatencies(this.latencies[path], report.latencies[path]);
        this.#finished.add(region);
        if (this.#finished.size === this.#processes.size) this.#onFinished();
    }
  }
}
