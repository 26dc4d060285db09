import { failuresOf, type Job, jobText } from "./job.js";
import { JOB_TIMEOUT_MS } from "./play-all.js";
import { shrink } from "./shrink.js";
import type { Terminal } from "./terminal.js";
import { WorkerProcess } from "./worker-process.js";

/** Histories played to make one short. */
const TRY_COUNT_MAX = 400;

/**
 * Looks for the fewest strikes with which a seed still fails as it did, and tells that history.
 *
 * @param kept - Strikes to start from; all when undefined.
 * @returns The strikes, or undefined when the seed does not fail.
 */
export async function shrinkSeed(
  seed: number,
  kept: readonly number[] | undefined,
  terminal: Terminal,
): Promise<readonly number[] | undefined> {
  const worker = new WorkerProcess();
  try {
    const jobOf = (strikes: readonly number[] | undefined): Job => ({
      kind: "history",
      seed,
      ...(strikes === undefined ? {} : { strikes }),
    });
    const whole = await worker.play(jobOf(kept), JOB_TIMEOUT_MS);
    const [failure] = failuresOf(whole);
    if (failure === undefined) {
      terminal.result({ type: "shrunk", seed, fails: false }, `seed ${seed} does not fail`);
      return undefined;
    }
    // A history that hangs has no list of strikes: the numbers there may be are tried instead.
    const all =
      kept ??
      (whole.kind === "played"
        ? whole.report.strikes.map(({ index }) => index)
        : [...Array(STRIKE_COUNT_GUESS).keys()]);
    const strikes = await shrink(
      all,
      async (part) => {
        const outcome = await worker.play(jobOf(part), JOB_TIMEOUT_MS);
        return failuresOf(outcome)[0]?.oracle === failure.oracle;
      },
      {
        tryCountMax: TRY_COUNT_MAX,
        progress: ({ tryCount, itemCount }) =>
          terminal.progress(
            `seed ${seed}: try ${tryCount} of ${TRY_COUNT_MAX}, ${itemCount} strikes`,
          ),
      },
    );
    terminal.progress("");
    const job: Job = { kind: "history", seed, strikes, isTold: true };
    const outcome = await worker.play(job, JOB_TIMEOUT_MS);
    const transcript = outcome.kind === "played" ? outcome.report.transcript : [];
    const [last] = failuresOf(outcome);
    terminal.result(
      { type: "shrunk", seed, fails: true, strikes, failure: last, transcript },
      [
        "",
        `${all.length} strikes became ${strikes.length}:`,
        ...transcript,
        `npm run sim -- ${jobText(job)}   # at ${terminal.commit}: ${last?.oracle}`,
        "",
      ].join("\n"),
    );
    return strikes;
  } finally {
    worker.stop();
  }
}

const STRIKE_COUNT_GUESS = 150;
