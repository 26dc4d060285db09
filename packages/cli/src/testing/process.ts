/** For tests: the `fpzk` binary as a process, whose output can be awaited. */
import { type ChildProcess, spawn } from "node:child_process";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";

export const MAIN = join(import.meta.dirname, "..", "main.js");

/** A test that waits longer than this has failed. */
const SEEN_TIMEOUT_MS = 60_000;

export interface RunningProcess {
  readonly process: ChildProcess;
  readonly output: { stdout: string; stderr: string };
  /** Resolves with the match as soon as the output holds it; rejects when the process ends first. */
  seen(name: "stdout" | "stderr", pattern: RegExp): Promise<RegExpExecArray>;
  /** Exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
}

const running = new Set<ChildProcess>();

/** To be called after all tests, so that one that failed leaves nothing behind. */
export function killRunning(): void {
  for (const child of running) child.kill("SIGKILL");
}

/** Starts `fpzk` without this process's settings. */
export function startFpzk(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): RunningProcess {
  const { PATH = "" } = process.env;
  const child = spawn(process.execPath, [MAIN, ...args], { env: { PATH, ...environment } });
  running.add(child);
  const output = { stdout: "", stderr: "" };
  const listeners = new Set<() => void>();
  const notify = () => {
    for (const listener of listeners) listener();
  };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8");
    child[name].on("data", (text: string) => {
      output[name] += text;
      notify();
    });
  }
  let hasEnded = false;
  const ended = new Promise<number | string>((resolve) => {
    child.on("close", (code, signal) => {
      hasEnded = true;
      running.delete(child);
      resolve(code ?? signal ?? "");
      notify();
    });
  });
  const seen: RunningProcess["seen"] = (name, pattern) =>
    new Promise((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(output[name]);
        if (match === null && !hasEnded) return;
        finish(match, "ended");
      };
      const finish = (match: RegExpExecArray | null, why: string) => {
        clearTimeout(timer);
        listeners.delete(look);
        if (match !== null) return resolve(match);
        const said = `${output.stdout}${output.stderr}`;
        reject(new Error(`fpzk ${args.join(" ")} ${why} without ${pattern}: ${said}`));
      };
      const timer = setTimeout(() => finish(null, "went on"), SEEN_TIMEOUT_MS);
      listeners.add(look);
      look();
    });
  return { process: child, output, seen, ended };
}

/** A port that was free a moment ago: for what cannot take a port 0. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
