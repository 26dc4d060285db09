/** Programs beside ours: found or installed by name, pinned to cores, ended with the benchmark. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { cpus } from "node:os";

/** Debian's packages of the programs that are not on npm. */
const DEBIAN_PACKAGES: Readonly<Record<string, string>> = {
  nginx: "nginx-light",
  haproxy: "haproxy",
  caddy: "caddy",
  wrk: "wrk",
  h2load: "nghttp2-client",
};
const START_TIMEOUT_MS = 20_000;
const POLL_MS = 20;
const STOP_TIMEOUT_MS = 5_000;
/** No load takes so long; one that hangs is ended. */
const RUN_TIMEOUT_MS = 60_000;

/** What is measured has the first core for itself, where there are several; all else the others. */
export type Place = "measured" | "beside" | "everywhere";

/** Whether a program can be run; installs it where that is allowed and possible. */
export function hasProgram(name: string, mayInstall: boolean): boolean {
  if (isThere(name)) return true;
  const debianPackage = DEBIAN_PACKAGES[name];
  if (!mayInstall || debianPackage === undefined) return false;
  if (process.getuid?.() !== 0 || !isThere("apt-get")) return false;
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  const options = { env: environment, stdio: "ignore" as const };
  spawnSync("apt-get", ["install", "-y", "--no-install-recommends", debianPackage], options);
  return isThere(name);
}

function isThere(name: string): boolean {
  return spawnSync("sh", ["-c", `command -v ${name}`], { stdio: "ignore" }).status === 0;
}

/** A program that runs. */
export interface Program {
  readonly port: number;
  /** Resident memory of it and its children. */
  memoryBytes(): number;
  /** Time of processors that it and its children took since they began. */
  cpuMs(): number;
  stop(): Promise<void>;
}

/** Starts a program that will listen on a port; resolves when it does. */
export async function startProgram(
  command: readonly [string, ...string[]],
  port: number,
  place: Place,
): Promise<Program> {
  const [file, ...args] = pinned(command, place);
  const child = spawn(file, args, { stdio: ["ignore", "ignore", "pipe"], detached: true });
  let errors = "";
  child.stderr.on("data", (chunk) => {
    errors = (errors + String(chunk)).slice(-2_000);
  });
  try {
    await listens(port, child);
  } catch (error) {
    await stop(child);
    throw new Error(`${command.join(" ")}: ${(error as Error).message}\n${errors}`);
  }
  return {
    port,
    memoryBytes: () => treeSum(child.pid ?? 0, memoryBytesOf),
    cpuMs: () => treeSum(child.pid ?? 0, cpuMsOf),
    stop: () => stop(child),
  };
}

function pinned(command: readonly [string, ...string[]], place: Place): [string, ...string[]] {
  const count = cpus().length;
  if (count < 2 || place === "everywhere" || !isThere("taskset")) return [...command];
  return ["taskset", "-c", place === "measured" ? "0" : `1-${count - 1}`, ...command];
}

/** Runs a program to its end; resolves with what it printed. */
export async function runProgram(command: readonly [string, ...string[]]): Promise<string> {
  const [file, ...args] = pinned(command, "beside");
  const child = spawn(file, args, {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: RUN_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += String(chunk);
  });
  child.stderr.on("data", (chunk) => {
    text += String(chunk);
  });
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0)
    throw new Error(`${command.join(" ")} ended with ${code ?? "a signal"}: ${text.slice(-2_000)}`);
  return text;
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no TCP port");
  return address.port;
}

async function listens(port: number, child: ChildProcess): Promise<void> {
  const endMs = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    const socket = connect(port, "127.0.0.1");
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
    if (performance.now() > endMs) throw new Error(`nobody listens on ${port}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Ends the program's whole group: servers have workers. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  signalGroup(child.pid, "SIGTERM");
  const timer = setTimeout(() => signalGroup(child.pid as number, "SIGKILL"), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It ended in the meantime.
  }
}

/** Adds up what is asked of a process and of all below it; 0 where there is no `/proc`. */
function treeSum(pid: number, read: (pid: number) => number): number {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    const pids = children === "" ? [] : children.split(" ").map(Number);
    return read(pid) + pids.reduce((sum, one) => sum + treeSum(one, read), 0);
  } catch {
    return 0;
  }
}

function memoryBytesOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1_024;
}

/** User and system time, which `/proc` counts in hundredths of a second. */
function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
