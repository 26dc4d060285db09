/**
 * The demo's processes: started in groups of their own, so that Ctrl-C reaches only the demo, and
 * ended by it one by one, by their ids.
 */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Report } from "./topology.js";

/** After SIGTERM, until SIGKILL. */
const STOP_MS = 4_000;

export interface DemoChild {
  readonly name: string;
  readonly process: ChildProcess;
  readonly logFile: string;
}

export class ChildProcesses {
  readonly #logFolder: string;
  readonly #children: DemoChild[] = [];
  /** Called when a process ends that nobody stopped. */
  readonly #onEnded: (child: DemoChild, how: string) => void;
  #isStopping = false;

  constructor(logFolder: string, onEnded: (child: DemoChild, how: string) => void) {
    this.#logFolder = logFolder;
    this.#onEnded = onEnded;
  }

  get all(): readonly DemoChild[] {
    return this.#children;
  }

  /** A process that tells {@link Report}s; ends by itself when the demo dies. */
  fork(name: string, file: string, plan: unknown, onReport: (report: Report) => void): DemoChild {
    const { logFile, log } = this.#openLog(name);
    const child = fork(file, [JSON.stringify(plan)], {
      stdio: ["ignore", log, log, "ipc"],
      detached: true,
    });
    closeSync(log);
    child.on("message", (message) => onReport(message as Report));
    return this.#add({ name, process: child, logFile });
  }

  /** Any Node program. */
  spawn(name: string, file: string, args: readonly string[]): DemoChild {
    const { logFile, log } = this.#openLog(name);
    const child = spawn(process.execPath, [file, ...args], {
      stdio: ["ignore", log, log],
      detached: true,
    });
    closeSync(log);
    return this.#add({ name, process: child, logFile });
  }

  /** From now on no process starts: an attempt throws. */
  refuseMore(): void {
    this.#isStopping = true;
  }

  /** Ends every process: callers and instances first, servers last. */
  async stopAll(): Promise<void> {
    this.refuseMore();
    const servers = this.#children.filter((child) => child.process.channel == null);
    const others = this.#children.filter((child) => !servers.includes(child));
    await Promise.all(others.map((child) => stop(child.process)));
    await Promise.all(servers.map((child) => stop(child.process)));
  }

  #openLog(name: string): { logFile: string; log: number } {
    if (this.#isStopping) throw new Error(`${name} is not started: the demo is stopping`);
    const logFile = join(this.#logFolder, `${name}.log`);
    return { logFile, log: openSync(logFile, "a") };
  }

  #add(child: DemoChild): DemoChild {
    this.#children.push(child);
    child.process.on("error", (error) => this.#onEnded(child, error.message));
    child.process.on("exit", (code, signal) => {
      if (!this.#isStopping) this.#onEnded(child, signal ?? `code ${code}`);
    });
    return child;
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  child.kill("SIGTERM");
  await exited;
  clearTimeout(timer);
}
