/**
 * The demo's processes: started in groups of their own, so that Ctrl-C reaches only the demo, and
 * ended by it one by one, by their ids.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Report } from "./topology.js";

/** After SIGTERM, until SIGKILL. */
const STOP_MS = 4_000;

export interface DemoChild {
  readonly name: string;
  readonly role: "client" | "server";
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
    const child = this.#start(name, "client", file, [JSON.stringify(plan)], []);
    child.process.on("message", (message) => onReport(message as Report));
    return child;
  }

  /** A server's program; ends when the demo dies. */
  forkServer(name: string, file: string, args: readonly string[]): DemoChild {
    const guard = new URL("./end-with-parent.js", import.meta.url).href;
    return this.#start(name, "server", file, args, ["--import", guard]);
  }

  /** From now on no process starts: an attempt throws. */
  refuseMore(): void {
    this.#isStopping = true;
  }

  /** Ends every process: callers and instances first, servers last. */
  async stopAll(): Promise<void> {
    this.refuseMore();
    for (const role of ["client", "server"] as const) {
      const ofRole = this.#children.filter((child) => child.role === role);
      await Promise.all(ofRole.map((child) => stop(child.process)));
    }
  }

  #start(
    name: string,
    role: DemoChild["role"],
    file: string,
    args: readonly string[],
    execArgv: readonly string[],
  ): DemoChild {
    if (this.#isStopping) throw new Error(`${name} is not started: the demo is stopping`);
    const logFile = join(this.#logFolder, `${name}.log`);
    const log = openSync(logFile, "a");
    const child: DemoChild = {
      name,
      role,
      logFile,
      process: fork(file, args, {
        execArgv: [...execArgv],
        stdio: ["ignore", log, log, "ipc"],
        detached: true,
      }),
    };
    closeSync(log);
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
