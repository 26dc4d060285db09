import { runHistory } from "../run.js";
import { runScenario } from "../scenarios/run-scenario.js";
import type { World } from "../world/world.js";
import type { Job, Report } from "./job.js";
import { Transcript } from "./transcript.js";

/** Plays one history or scenario in this process. */
export function playJob(job: Job): Report {
  const transcript = new Transcript();
  const prepare = (world: World) => {
    if (job.isTold === true) transcript.attach(world);
  };
  const result =
    job.kind === "scenario"
      ? runScenario(job.name, { prepare })
      : runHistory(job.seed, {
          prepare,
          ...(job.strikes === undefined ? {} : { strikes: new Set(job.strikes) }),
        });
  const { failures, traceHash, strikes, log } = result;
  const isTold = job.isTold === true;
  return {
    failures,
    traceHash,
    strikes,
    log: isTold ? log : [],
    transcript: isTold ? transcript.tell({ strikes, failures }) : [],
  };
}
