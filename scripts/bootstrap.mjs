// Installs and builds when needed, so that one command works on a fresh clone.
import { spawn } from "node:child_process";
import { existsSync, rmSync, statSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { staleOutputs } from "./sources.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const NODE_MAJOR_MIN = 20;
const PARENT_CHECK_INTERVAL_MS = 500;

/** Makes sure that dependencies are installed and the build is up to date; exits on failure. */
export async function bootstrap() {
  process.chdir(root);
  endWithParent();
  const [major] = process.versions.node.split(".").map(Number);
  if (major < NODE_MAJOR_MIN) {
    fail(`Node ${process.versions.node} is too old: FPZK needs Node ${NODE_MAJOR_MIN} or later`);
  }
  if (isInstallNeeded()) {
    console.error("installing dependencies …");
    const arguments_ = ["ci", "--no-audit", "--no-fund", "--ignore-scripts"];
    await mustRun(...npmCommand(arguments_), `npm ${arguments_.join(" ")}`);
  }
  const compiler = join("node_modules", "typescript", "bin", "tsc");
  if (!existsSync(join("packages", "cli", "dist"))) console.error("building …");
  await mustRun(process.execPath, [compiler, "-b"], "tsc -b");
  for (const file of staleOutputs()) rmSync(file);
}

/** Runs a program with this process's terminal; resolves with its exit code, signals passed on. */
export function run(command, arguments_, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, arguments_, { stdio: "inherit", ...options });
    const forwards = ["SIGINT", "SIGTERM", "SIGHUP"].map((signal) => {
      const forward = () => child.kill(signal);
      process.on(signal, forward);
      return () => process.off(signal, forward);
    });
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      for (const stop of forwards) stop();
      resolve(signal === null ? code : 128 + constants.signals[signal]);
    });
  });
}

/** npm as it was started (also where `npm` is a batch file), else the one in PATH. */
export function npmCommand(arguments_) {
  const npmFile = process.env.npm_execpath;
  if (npmFile?.endsWith("npm-cli.js")) return [process.execPath, [npmFile, ...arguments_]];
  return ["npm", arguments_];
}

/** A SIGTERM to npm ends the shell between npm and this process, but never comes here. */
function endWithParent() {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parentPid = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parentPid) return;
    clearInterval(timer);
    process.kill(process.pid, "SIGTERM");
  }, PARENT_CHECK_INTERVAL_MS);
  timer.unref();
}

function isInstallNeeded() {
  const marker = join("node_modules", ".package-lock.json");
  return !existsSync(marker) || statSync(marker).mtimeMs < statSync("package-lock.json").mtimeMs;
}

/** Standard output stays free for what the caller prints (`npm start -- --json`). */
async function mustRun(command, arguments_, title) {
  const code = await run(command, arguments_, { stdio: ["ignore", 2, 2] });
  if (code !== 0) fail(`${title} failed with exit code ${code}`, code);
}

function fail(message, code = 1) {
  console.error(message);
  process.exit(code);
}
