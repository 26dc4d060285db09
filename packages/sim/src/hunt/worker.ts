/**
 * A process that plays histories for another one, with or without a defect in its core.
 *
 * The core is imported only after the defect is in place; hence nothing here imports it directly.
 */
import { MUTANTS } from "../mutants/catalogue.js";
import { loadMutant } from "../mutants/load-mutant.js";
import type { Job, Report } from "./job.js";

const [, , mutantName] = process.argv;
const mutant = MUTANTS.find(({ name }) => name === mutantName);
if (mutantName !== undefined && mutant === undefined) throw new Error(`no mutant ${mutantName}`);
const isInPlace = mutant === undefined ? () => true : loadMutant(mutant);
const { playJob } = await import("./play-job.js");
if (!isInPlace()) throw new Error(`mutant ${mutantName} is not in place: its file is not loaded`);

process.on("message", (job: Job) => {
  const report: Report = playJob(job);
  process.send?.(report);
});
// The process that asks is gone: nobody waits for an answer any more.
process.once("disconnect", () => process.exit(0));
process.send?.("ready");
