/** The arguments of `npm run bench`. */
import { parseArgs } from "node:util";
import type { Scale } from "./bench.js";

export interface BenchArguments {
  /** Names of benchmarks; empty for all. */
  readonly names: readonly string[];
  readonly isJson: boolean;
  readonly scale: Scale;
  readonly runCount: number;
  readonly writesDocs: boolean;
  /** Where CPU profiles of the server go; undefined for none. */
  readonly profileDirectory: string | undefined;
}

export const RUN_COUNT_DEFAULT = 3;
export const RUN_COUNT_MAX = 100;

export const USAGE = `npm run bench [-- NAME...] [--json] [--quick] [--runs N] [--profile DIR] [--write-docs]
  NAME          only these benchmarks
  --json        one line of JSON for each figure
  --quick       smaller and shorter: a first look
  --runs N      runs of each, 1 to ${RUN_COUNT_MAX} (default ${RUN_COUNT_DEFAULT}, quick 1); long benchmarks have fewer
  --profile DIR writes CPU profiles of the servers there
  --write-docs  writes what was measured to docs/performance.md, balancing to docs/balancing.md`;

/** @throws TypeError with what is wrong and what is right. */
export function parseBenchArguments(
  args: readonly string[],
  knownNames: readonly string[],
): BenchArguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      runs: { type: "string" },
      profile: { type: "string" },
      "write-docs": { type: "boolean", default: false },
    },
  });
  for (const name of positionals) {
    if (knownNames.includes(name)) continue;
    throw new TypeError(`no benchmark is named ${name}: there are ${knownNames.join(", ")}`);
  }
  const runCount = Number(values.runs ?? (values.quick ? 1 : RUN_COUNT_DEFAULT));
  if (!Number.isInteger(runCount) || runCount < 1 || runCount > RUN_COUNT_MAX) {
    throw new TypeError(`--runs ${values.runs} must be a whole number, 1 to ${RUN_COUNT_MAX}`);
  }
  return {
    names: positionals,
    isJson: values.json,
    scale: values.quick ? "quick" : "full",
    runCount,
    writesDocs: values["write-docs"],
    profileDirectory: values.profile,
  };
}
