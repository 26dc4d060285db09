import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";

/** What `npm run sim` is asked to do. */
export type SimTask =
  | {
      readonly kind: "replay";
      readonly seed: number;
      readonly strikes: readonly number[] | undefined;
      readonly isShrunk: boolean;
    }
  | { readonly kind: "scenarios"; readonly names: readonly string[] }
  | { readonly kind: "seeds"; readonly first: number; readonly last: number }
  | {
      readonly kind: "minutes";
      readonly minutes: number;
      readonly first: number | undefined;
      readonly writesDocs: boolean;
    }
  | {
      readonly kind: "mutants";
      readonly names: readonly string[];
      readonly seedCountMax: number;
      readonly writesDocs: boolean;
    }
  | { readonly kind: "record-hashes" };

export interface SimArguments {
  readonly task: SimTask;
  readonly workerCount: number;
  readonly isJson: boolean;
  readonly isLogged: boolean;
}

export const USAGE = `npm run sim -- what to play:
  --seed N                one history; --log prints all of it, --strikes 3,7 keeps some strikes,
                          --shrink looks for the fewest strikes that still fail and tells them
  --page                  in a browser: serves the simulator's page, at --seed N if that is given
  --seeds A-B             histories A to B
  --minutes M             fresh histories for M minutes; --from N starts at that seed,
                          --markdown writes the counts into docs/reliability.md
  --scenario NAME,...     directed scenarios; "all" for every one
  --mutants               puts each deliberate defect into the core and hunts for it;
                          --only NAME,... some of them, --seeds-max N histories for each at most,
                          --markdown writes the table into docs/reliability.md
  --record-hashes         records the trace hashes of some seeds after an intended change
and how:
  --workers K             processes (default: one for each core)
  --json                  one line of JSON for each result`;

const SEED_COUNT_MAX_DEFAULT = 150;

/** @throws Error that says what is wrong with the arguments. */
export function parseSimArguments(args: readonly string[]): SimArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: "string" },
      strikes: { type: "string" },
      shrink: { type: "boolean", default: false },
      log: { type: "boolean", default: false },
      seeds: { type: "string" },
      minutes: { type: "string" },
      from: { type: "string" },
      scenario: { type: "string" },
      mutants: { type: "boolean", default: false },
      only: { type: "string" },
      "seeds-max": { type: "string" },
      markdown: { type: "boolean", default: false },
      "record-hashes": { type: "boolean", default: false },
      workers: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const tasks: SimTask[] = [];
  if (values.seed !== undefined) {
    tasks.push({
      kind: "replay",
      seed: wholeNumber("seed", values.seed),
      strikes: values.strikes === undefined ? undefined : numbers("strikes", values.strikes),
      isShrunk: values.shrink,
    });
  }
  if (values.seeds !== undefined) tasks.push(seedRange(values.seeds));
  if (values.minutes !== undefined) {
    const minutes = Number(values.minutes);
    if (!(minutes > 0)) throw new Error(`--minutes ${values.minutes} must be a number above 0`);
    const first = values.from === undefined ? undefined : wholeNumber("from", values.from);
    tasks.push({ kind: "minutes", minutes, first, writesDocs: values.markdown });
  }
  if (values.scenario !== undefined) {
    tasks.push({ kind: "scenarios", names: names(values.scenario) });
  }
  if (values.mutants) {
    const seedCountMax =
      values["seeds-max"] === undefined
        ? SEED_COUNT_MAX_DEFAULT
        : wholeNumber("seeds-max", values["seeds-max"]);
    const only = values.only === undefined ? [] : names(values.only);
    tasks.push({ kind: "mutants", names: only, seedCountMax, writesDocs: values.markdown });
  }
  if (values["record-hashes"]) tasks.push({ kind: "record-hashes" });
  const [task] = tasks;
  if (task === undefined || tasks.length > 1) {
    throw new Error("say one thing to play: --seed, --seeds, --minutes, --scenario or --mutants");
  }
  const workerCount =
    values.workers === undefined ? availableParallelism() : wholeNumber("workers", values.workers);
  if (workerCount < 1) throw new Error("--workers must be >= 1");
  return { task, workerCount, isJson: values.json, isLogged: values.log };
}

function seedRange(text: string): SimTask {
  const match = /^(\d+)-(\d+)$/.exec(text);
  const [first, last] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || first > last) throw new Error(`--seeds ${text} must be A-B with A <= B`);
  return { kind: "seeds", first, last };
}

function wholeNumber(name: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new Error(`--${name} ${text} must be a whole number`);
}

function numbers(name: string, text: string): readonly number[] {
  if (text === "") return [];
  return text.split(",").map((each) => wholeNumber(name, each));
}

function names(text: string): readonly string[] {
  return text.split(",").filter((each) => each !== "");
}
