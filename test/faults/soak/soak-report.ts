/** The soak's section of docs/reliability.md: every figure from the run. */
import { cpus } from "node:os";
import type { Checker } from "../checker.js";
import { countText, mebibyteText, msText, spreadOf } from "../figures.js";
import { commitText, machineText } from "../machine.js";
import type { Weather } from "../oracles/detection-oracle.js";
import type { OracleName } from "../oracles/verdict.js";
import type { MemorySample, SoakOptions, SoakResult } from "./soak.js";

const ORACLES: Readonly<Record<OracleName, string>> = {
  S1: "nothing removed is shown again (P5)",
  S2: "a view shrinks only by removals that have a reason and evidence (P4)",
  S3: "no view goes back, also across servers (P8)",
  S4: "no instance is removed whose program lives (P6)",
  S5: "who was superseded does not win (P5)",
  L1: "after healing all nodes hold the same, and all views show it (P2)",
  L2: "callers are told of the dead (P3)",
  L3: "drains end; nobody picks what all confirmed (P7)",
};
const VIOLATION_SHOWN_COUNT_MAX = 20;

export function soakReport(options: SoakOptions, result: SoakResult, checker: Checker): string {
  const { elapsedMs } = result;
  const seconds = elapsedMs / 1_000;
  const { changeCount, emptyPickCount, pickCount, shownCount, stallCount } = checker.totals;
  const asked = options.minutes * 60;
  const isShort = seconds < asked;
  const rows = [
    ["machine", `${machineText()}, shared with other work`],
    ["commit, seed", `${commitText()}, ${options.seed}`],
    [
      "duration",
      `${(seconds / 60).toFixed(1)} minutes${isShort ? ` (ended before ${options.minutes})` : ""}`,
    ],
    ["servers", "9 in three regions, 20 ms one way between regions"],
    ["sessions", `${result.sessionCount} in 14 processes`],
    ["changes asked", `${countText(changeCount)} (${(changeCount / seconds).toFixed(1)}/s)`],
    ["changes shown in views", `${countText(shownCount)} (${(shownCount / seconds).toFixed(0)}/s)`],
    ["picks", `${countText(pickCount)} (${(pickCount / seconds).toFixed(0)}/s)`],
    ["picks that found nothing beside instances that are up", countText(emptyPickCount)],
    ["drains confirmed by all, and not by all", drainText(checker)],
    [
      "CPU of servers, clients and harness that ran at the end",
      `${result.cpuSeconds.toFixed(0)} s`,
    ],
    [
      "times a process stood still for half a second or more, stops included",
      countText(stallCount),
    ],
    [`load average of the machine (${cpus().length} cores), mean and largest`, loadText(result)],
  ];
  return [
    table(["what", "value"], rows),
    `\n**Faults injected**: ${faultText(checker)}.`,
    `\n**Promises checked.** Not judged: removals within 20 s of a moment at which the machine left some process without time for half a second.\n\n${oracleTable(checker)}`,
    `\n**Detection**: from SIGKILL of a program to the view of each watcher.\n\n${detectionTable(checker)}`,
    `\n**Agreement** of all nodes and views after healing: ${convergedText(result)}.`,
    `\n**Memory of the servers.**\n\n${memoryTable(result.memory)}`,
    `\n**Found.**\n\n${findings(result, checker)}`,
  ].join("\n");
}

function loadText({ loadAverages }: SoakResult): string {
  const sum = loadAverages.reduce((total, each) => total + each, 0);
  const mean = sum / Math.max(1, loadAverages.length);
  return `${mean.toFixed(1)}, ${Math.max(0, ...loadAverages).toFixed(1)}`;
}

function drainText(checker: Checker): string {
  const { confirmedCount, unconfirmedCount } = checker.drains;
  return `${countText(confirmedCount)}, ${countText(unconfirmedCount)}`;
}

function faultText({ timeline }: Checker): string {
  const counts = [...timeline.faultCounts].sort(([a], [b]) => (a < b ? -1 : 1));
  const sum = counts.reduce((total, [, count]) => total + count, 0);
  return `${sum} (${counts.map(([kind, count]) => `${kind} ${count}`).join(", ")})`;
}

function oracleTable({ verdict }: Checker): string {
  const rows = Object.entries(ORACLES)
    .filter(([oracle]) => oracle !== "L2")
    .map(([oracle, text]) => {
      const name = oracle as OracleName;
      const checkCount = verdict.checkCounts.get(name) ?? 0;
      const violationCount = verdict.violationCounts.get(name) ?? 0;
      const excuseCount = verdict.excuseCounts.get(name) ?? 0;
      const counts = [checkCount, excuseCount, violationCount].map(countText);
      return [`${oracle} ${text}`, ...counts];
    });
  return table(["oracle", "checks", "not judged", "violations"], rows);
}

const WEATHERS: Readonly<Record<Weather, string>> = {
  calm: "no other fault",
  starved: "no other fault, but the machine left some process without time",
  faults: "among other faults",
};

function detectionTable({ detections }: Checker): string {
  const rows = (["told", "removed"] as const).flatMap((what) =>
    Object.entries(WEATHERS).flatMap(([weather, when]) => {
      const chosen = detections[what].filter((each) => each.weather === weather);
      const spread = spreadOf(chosen.map((each) => each.toldAt - each.killedAt));
      if (spread === undefined) return [];
      const name = what === "told" ? "suspect or removed" : "removed";
      const { count, max, p50, p99 } = spread;
      return [[name, when, countText(count), msText(p50), msText(p99), msText(max)]];
    }),
  );
  return table(["told", "when", "views told", "p50", "p99", "max"], rows);
}

function convergedText({ convergedMs, roundCount }: SoakResult): string {
  const spread = spreadOf(convergedMs);
  if (spread === undefined) return "never";
  const { count, max, p50, p99 } = spread;
  return `${count} of ${roundCount} times, p50 ${msText(p50)}, p99 ${msText(p99)}, max ${msText(max)}`;
}

function memoryTable(samples: readonly MemorySample[]): string {
  const chosen = [
    ["start", samples[0]],
    ["middle", samples[Math.floor(samples.length / 2)]],
    ["end", samples.at(-1)],
  ] as const;
  const rows = chosen.flatMap(([name, sample]) => {
    if (sample === undefined) return [];
    const all = [...sample.bytes.values()].filter((bytes) => bytes > 0);
    const sum = all.reduce((total, bytes) => total + bytes, 0);
    const minutes = (sample.atMs / 60_000).toFixed(1);
    const mean = mebibyteText(sum / Math.max(1, all.length));
    return [[`${name} (minute ${minutes})`, mean, mebibyteText(Math.max(0, ...all))]];
  });
  return table(["when", "mean of a server", "largest"], rows);
}

function findings({ troubles }: SoakResult, { verdict }: Checker): string {
  const shown = verdict.violations.slice(0, VIOLATION_SHOWN_COUNT_MAX);
  const lines = [
    ...shown.map(({ at, oracle, text }) => `- ${oracle} at ${at.toFixed(0)} ms: ${text}`),
    ...troubles.slice(0, VIOLATION_SHOWN_COUNT_MAX).map((text) => `- harness: ${text}`),
  ];
  return lines.length === 0 ? "No violation." : lines.join("\n");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "/").replaceAll("\n", " ")).join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n");
}
