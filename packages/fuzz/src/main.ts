/** `npm run fuzz`: campaigns against targets, one after the other. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ALL_TARGETS } from "./all-targets.js";
import { type FuzzArguments, parseFuzzArguments, USAGE } from "./arguments.js";
import type { CampaignResult } from "./engine/campaign.js";
import { judge } from "./engine/judge.js";
import { corpusOf, writeFinding } from "./findings.js";
import { progressText, replaceTable, reportTable } from "./report.js";
import { runWatched } from "./watched-campaign.js";

const DOCUMENT = fileURLToPath(new URL("../../../docs/reliability.md", import.meta.url));
const USAGE_EXIT_CODE = 2;

type Print = (text: string) => void;

/** Resolves with the exit code: 1 when something was found. */
export async function main(args: readonly string[]): Promise<number> {
  const names = ALL_TARGETS.map(({ name }) => name);
  if (args.includes("--help")) {
    process.stdout.write(`${USAGE}\nTargets: ${names.join(", ")}\n`);
    return 0;
  }
  let options: FuzzArguments;
  try {
    options = parseFuzzArguments(args, names);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}\n`);
    return USAGE_EXIT_CODE;
  }
  const print: Print = (text) => void process.stdout.write(`${text}\n`);
  if (options.replay !== undefined) return replay(options.targets[0] ?? "", options.replay, print);
  const chosen = names.filter(
    (name) => options.targets.length === 0 || options.targets.includes(name),
  );
  const results: CampaignResult[] = [];
  for (const name of chosen) results.push(await run(name, chosen.length, options, print));
  if (options.writesReport) {
    const { seed } = options;
    const table = reportTable(results, {
      seed,
      nodeVersion: process.versions.node,
      commit: commit(),
    });
    writeFileSync(DOCUMENT, replaceTable(readFileSync(DOCUMENT, "utf8"), table));
  }
  return results.every(({ findings }) => findings.length === 0) ? 0 : 1;
}

async function run(
  name: string,
  targetCount: number,
  { minutes, seed, isJson, folder }: FuzzArguments,
  print: Print,
): Promise<CampaignResult> {
  const isShown = process.stderr.isTTY && !isJson;
  const result = await runWatched({
    target: name,
    seed,
    durationMs: (minutes * 60_000) / targetCount,
    corpus: corpusOf(name).map(({ input }) => input),
    onProgress: (progress) => {
      if (isShown) process.stderr.write(`\r${progressText(progress)}`);
    },
    onFinding: (finding) => {
      const command = writeFinding(folder, finding);
      process.stderr.write(`\n${finding.kind}: ${finding.message}\n${command}\n`);
    },
  });
  if (isShown) process.stderr.write("\r");
  const { findings, ...rest } = result;
  const signatures = findings.map(({ signature }) => signature);
  print(isJson ? JSON.stringify({ ...rest, seed, findings: signatures }) : progressText(result));
  return result;
}

async function replay(name: string, path: string, print: Print): Promise<number> {
  const target = ALL_TARGETS.find((each) => each.name === name);
  if (target === undefined) return USAGE_EXIT_CODE;
  await target.start?.();
  const failure = await judge(target, Uint8Array.from(readFileSync(path)));
  await target.end?.();
  print(failure === undefined ? "nothing fails" : `${failure.kind}: ${failure.message}`);
  return failure === undefined ? 0 : 1;
}

function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  } catch {
    return "unknown";
  }
}
