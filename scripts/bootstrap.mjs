// Installs and builds when needed, so that one command works on a fresh clone.
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Makes sure that dependencies are installed and the build is up to date; exits on failure. */
export function bootstrap() {
  process.chdir(root);
  const [major] = process.versions.node.split(".").map(Number);
  if (major < 20) fail(`Node ${process.versions.node} is too old: FPZK needs Node 20 or later`);
  if (isInstallNeeded()) run("npm", ["ci", "--no-audit", "--no-fund"], "installing dependencies");
  run(process.execPath, [join("node_modules", "typescript", "bin", "tsc"), "-b"], undefined);
}

function isInstallNeeded() {
  const marker = join("node_modules", ".package-lock.json");
  return !existsSync(marker) || statSync(marker).mtimeMs < statSync("package-lock.json").mtimeMs;
}

function run(command, args, title) {
  if (title !== undefined) console.error(`${title} …`);
  const result = spawnSync(command, args, { stdio: ["ignore", 2, 2] });
  if (result.status !== 0) fail(`${command} ${args.join(" ")} failed`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
