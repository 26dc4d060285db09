/** A run of deploys as people read it. */
import { countText, msText } from "../faults/figures.js";
import type { Path } from "./plan.js";
import type { DeployOutcome, DeployProgress, DeployRunOptions } from "./run-deploys.js";

const PATH_TEXTS: Readonly<Record<Path, string>> = {
  proxy: "through the region's FPZKProxy",
  embedded: "embedded client, near first",
  anywhere: "embedded client, every region",
  "grpc-proxy": "gRPC through the FPZKProxy",
  "grpc-embedded": "gRPC, embedded client",
};
const FAILURE_SHOWN_COUNT = 20;

/** One line. */
export function progressText(progress: DeployProgress): string {
  const { elapsedMs, sentCount, failedCount, deployCounts, p99Ms, maxMs, step } = progress;
  const { instances, servers, proxies } = deployCounts;
  return [
    `${Math.round(elapsedMs / 1_000)} s`,
    `${countText(sentCount)} sent`,
    `${countText(failedCount)} failed`,
    `deploys ${instances} instances, ${servers} servers, ${proxies} proxies`,
    `now p99 ${msText(p99Ms)}, max ${msText(maxMs)}`,
    step,
  ].join(" | ");
}

export function outcomeText(outcome: DeployOutcome): string {
  const { sentCount, failedCount, deployCounts, replacedCount, elapsedMs, faults } = outcome;
  const { instances, servers, proxies } = deployCounts;
  const slowest = Math.max(0, ...outcome.paths.map(({ maxMs }) => maxMs));
  const lines = [
    `requests sent     ${countText(sentCount)} in ${Math.round(elapsedMs / 1_000)} s`,
    `requests failed   ${countText(failedCount)}`,
    `slowest           ${msText(slowest)}`,
    `deploys done      ${instances + servers + proxies}: ${instances} of the instances, ${servers} of the servers, ${proxies} of the proxies`,
    `processes new     ${countText(replacedCount)}`,
    ...outcome.paths.map(({ path, count, p50Ms, p99Ms, p999Ms, maxMs }) => {
      const spread = [p50Ms, p99Ms, p999Ms, maxMs].map(msText);
      const [p50, p99, p999, max] = spread;
      const name = PATH_TEXTS[path].padEnd(31);
      return `${name} ${countText(count)}: p50 ${p50}, p99 ${p99}, p99.9 ${p999}, max ${max}`;
    }),
    ...faults.map((fault) => `FAULT ${fault}`),
  ];
  return lines.join("\n");
}

/** The section of docs/deploys.md. */
export function deployReport(
  outcome: DeployOutcome,
  options: Pick<DeployRunOptions, "ratePerSecond" | "seed">,
  where: string,
): string {
  const { sentCount, failedCount, deployCounts, replacedCount, elapsedMs } = outcome;
  const { instances, servers, proxies } = deployCounts;
  const slowest = Math.max(0, ...outcome.paths.map(({ maxMs }) => maxMs));
  const rows = outcome.paths.map(({ path, count, p50Ms, p99Ms, p999Ms, maxMs }) => {
    const cells = [
      PATH_TEXTS[path],
      countText(count),
      ...[p50Ms, p99Ms, p999Ms, maxMs].map(msText),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  const failures = outcome.failures.slice(0, FAILURE_SHOWN_COUNT).map((failure) => {
    const { region, path, method, target, tookMs, reason } = failure;
    return `- ${region}, ${path}, ${method} to ${target}, after ${msText(tookMs)}: ${reason}`;
  });
  return [
    `On ${where}.`,
    "",
    "| | |",
    "|---|---|",
    `| requests sent | ${countText(sentCount)}, ${countText(options.ratePerSecond)} a second for ${Math.round(elapsedMs / 1_000)} s (seed ${options.seed}) |`,
    `| **requests failed** | **${countText(failedCount)}** |`,
    `| slowest | ${msText(slowest)} |`,
    `| rolling deploys | ${instances + servers + proxies} |`,
    `| deploys of all instances | ${instances} |`,
    `| deploys of all FPZKServers | ${servers} |`,
    `| deploys of all FPZKProxies | ${proxies} |`,
    `| processes replaced | ${countText(replacedCount)} |`,
    `| processes that ended by themselves | ${outcome.faults.length} |`,
    "",
    "| called | answers | p50 | p99 | p99.9 | slowest |",
    "|---|---|---|---|---|---|",
    ...rows,
    ...(failures.length === 0 ? [] : ["", "Failed:", "", ...failures]),
  ].join("\n");
}
