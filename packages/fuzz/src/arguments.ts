/** The arguments of `npm run fuzz`. */
import { parseArgs } from "node:util";

export interface FuzzArguments {
  /** For all targets together. */
  readonly minutes: number;
  /** Empty for all. */
  readonly targets: readonly string[];
  readonly seed: number;
  readonly isJson: boolean;
  readonly writesReport: boolean;
  /** A file whose bytes are run once. */
  readonly replay: string | undefined;
  readonly folder: string;
}

const MINUTES_MAX = 24 * 60;

export const USAGE = `npm run fuzz [-- --minutes M] [--target NAME]... [--seed N] [--json] [--report]
  --minutes M    for all targets together (default 5)
  --target NAME  only this one, as often as wished
  --seed N       the same inputs again, as far as time allows (default: drawn)
  --json         one line of JSON for each target
  --report       writes the table to docs/reliability.md
  --folder DIR   where findings go (default .fpzk/findings)
  --replay FILE  runs the bytes of one file against the one target`;

/** @throws TypeError with what is wrong and what is right. */
export function parseFuzzArguments(
  args: readonly string[],
  known: readonly string[],
): FuzzArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: "string", default: "5" },
      target: { type: "string", multiple: true, default: [] },
      seed: { type: "string" },
      json: { type: "boolean", default: false },
      report: { type: "boolean", default: false },
      folder: { type: "string", default: ".fpzk/findings" },
      replay: { type: "string" },
    },
  });
  const minutes = Number(values.minutes);
  if (!(minutes > 0 && minutes <= MINUTES_MAX)) {
    throw new TypeError(`--minutes ${values.minutes} must be > 0 and <= ${MINUTES_MAX}`);
  }
  const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
  if (!Number.isSafeInteger(seed)) throw new TypeError(`--seed ${values.seed} must be a number`);
  for (const target of values.target) {
    if (!known.includes(target)) {
      throw new TypeError(`--target ${target} must be one of ${known.join(", ")}`);
    }
  }
  if (values.replay !== undefined && values.target.length !== 1) {
    throw new TypeError("--replay needs one --target");
  }
  return {
    minutes,
    targets: values.target,
    seed,
    isJson: values.json,
    writesReport: values.report,
    replay: values.replay,
    folder: values.folder,
  };
}
