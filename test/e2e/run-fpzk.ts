/** The `fpzk` program, as a user starts it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const FPZK = fileURLToPath(new URL("../../../packages/cli/dist/main.js", import.meta.url));

export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts `fpzk` with nothing of this process's settings. */
export function spawnFpzk(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): ChildProcess {
  const { PATH = "" } = process.env;
  return spawn(process.execPath, [FPZK, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH, ...environment },
  });
}

/** Runs a command to its end. */
export async function runFpzk(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const child = spawnFpzk(args, environment);
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  await once(child, "close");
  return { exitCode: child.exitCode, stdout, stderr };
}
