/** What the numbers were measured on. */
import { spawnSync } from "node:child_process";
import { cpus, loadavg, release, totalmem, type } from "node:os";

const GIBIBYTE = 1024 ** 3;

export interface Machine {
  readonly cpu: string;
  readonly coreCount: number;
  readonly memoryGibibytes: number;
  readonly system: string;
  readonly node: string;
  readonly commit: string;
  /** Of the last minute, before the first benchmark: others on the machine distort. */
  readonly loadAverage: number;
  readonly date: string;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown CPU",
    coreCount: cpus().length,
    memoryGibibytes: Math.round(totalmem() / GIBIBYTE),
    system: `${type()} ${release()}`,
    node: process.version,
    commit: commitText(),
    loadAverage: Math.round((loadavg()[0] ?? 0) * 10) / 10,
    date: new Date().toISOString().slice(0, 10),
  };
}

export function machineText(machine: Machine): string {
  return [
    `${machine.cpu}, ${machine.coreCount} cores, ${machine.memoryGibibytes} GiB, ${machine.system}`,
    `Node ${machine.node}, commit ${machine.commit}, ${machine.date}, load average before ${machine.loadAverage}`,
  ].join("\n");
}

function commitText(): string {
  const result = spawnSync("git", ["describe", "--always", "--dirty"], { encoding: "utf8" });
  return result.status === 0 ? result.stdout.trim() : "unknown";
}
