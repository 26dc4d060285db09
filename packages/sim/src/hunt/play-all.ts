import type { Job, Outcome } from "./job.js";
import { WorkerProcess } from "./worker-process.js";

/** Of real time; a history takes well below a second on a quiet core. */
export const JOB_TIMEOUT_MS = 60_000;

export interface PlayAllOptions {
  readonly workerCount: number;
  /** The next job, or undefined when there is none left. */
  readonly next: () => Job | undefined;
  readonly done: (job: Job, outcome: Outcome) => void;
}

/** Plays jobs on several processes at once until there are none left. */
export async function playAll({ workerCount, next, done }: PlayAllOptions): Promise<void> {
  const workers = Array.from({ length: workerCount }, () => new WorkerProcess());
  try {
    await Promise.all(
      workers.map(async (worker) => {
        for (let job = next(); job !== undefined; job = next()) {
          done(job, await worker.play(job, JOB_TIMEOUT_MS));
        }
      }),
    );
  } finally {
    for (const worker of workers) worker.stop();
  }
}
