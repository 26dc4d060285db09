/** Where a run took place, for tables of results. */
import { execFileSync } from "node:child_process";
import { cpus } from "node:os";

export function machineText(): string {
  const [cpu] = cpus();
  return `${cpus().length} × ${cpu?.model ?? "unknown"}, Node.js ${process.versions.node}`;
}

/** Short hash of the commit that is checked out. */
export function commitText(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  } catch {
    return "unknown commit";
  }
}
