/**
 * The simulator: histories of a minute of nine nodes in three regions with their programs.
 *
 * Counted by the processor time of this process, of which the collector of garbage and the compiler
 * are part: a machine that does other things too counts the same.
 */
import { runHistory, type World } from "@fpzk/sim";
import { type Bench, type BenchContext, sized } from "./bench.js";
import type { Figure } from "./figure.js";

/** Histories that are hunted are of fresh seeds; those that are measured are always these. */
const FIRST_SEED = 1_001;
const GOAL_PER_MINUTE = 1_000;
const MINUTE_MS = 60_000;
/** No strike of a history is played: programs come, live for a minute and go. */
const NO_STRIKES: ReadonlySet<number> = new Set();

interface Played {
  readonly count: number;
  readonly cpuMs: number;
  readonly simulatedSeconds: number;
}

export const simBench: Bench = {
  name: "sim",
  title: "one process, of which every thread is counted; after others that warm it up",
  async run(context) {
    const warmUpCount = sized(context, { tiny: 0, quick: 20, full: 40 });
    const count = sized(context, { tiny: 1, quick: 20, full: 40 });
    play(warmUpCount, FIRST_SEED + count, undefined);
    return [
      ...figuresOf("with faults", measure(context, "with faults", count, undefined)),
      ...figuresOf("calm", measure(context, "calm", count, NO_STRIKES)),
    ];
  },
};

function measure(
  context: BenchContext,
  name: string,
  count: number,
  strikes: ReadonlySet<number> | undefined,
): Played {
  context.progress(`${count} histories, ${name}`);
  return play(count, FIRST_SEED, strikes);
}

function play(count: number, first: number, strikes: ReadonlySet<number> | undefined): Played {
  const start = process.cpuUsage();
  let simulatedMs = 0;
  for (let seed = first; seed < first + count; seed += 1) {
    let world: World | undefined;
    runHistory(seed, {
      ...(strikes === undefined ? {} : { strikes }),
      prepare: (each) => {
        world = each;
      },
    });
    simulatedMs += world?.now() ?? 0;
  }
  const { user, system } = process.cpuUsage(start);
  return { count, cpuMs: (user + system) / 1_000, simulatedSeconds: simulatedMs / 1_000 };
}

function figuresOf(name: string, { count, cpuMs, simulatedSeconds }: Played): Figure[] {
  return [
    {
      bench: "sim",
      figure: `histories ${name}`,
      value: (count * MINUTE_MS) / cpuMs,
      unit: "/min and core",
      goal: GOAL_PER_MINUTE,
      better: "higher",
    },
    {
      bench: "sim",
      figure: `${name}: processor time of a simulated second`,
      value: cpuMs / simulatedSeconds,
      unit: "ms",
      goal: null,
      better: "lower",
    },
    {
      bench: "sim",
      figure: `${name}: length of a history`,
      value: simulatedSeconds / count,
      unit: "simulated s",
      goal: null,
      better: "lower",
    },
  ];
}
