/**
 * One campaign on a thread of its own, so that an input that never comes back can be named.
 *
 * Before each input, its bytes are put on a board of shared memory that the main thread watches.
 */
import { parentPort, workerData } from "node:worker_threads";
import { ALL_TARGETS } from "./all-targets.js";
import { Board } from "./board.js";
import { runCampaign } from "./engine/campaign.js";
import type { WorkerMessage, WorkerTask } from "./watched-campaign.js";

const task = workerData as WorkerTask;
const target = ALL_TARGETS.find(({ name }) => name === task.target);
if (target === undefined) throw new Error(`no target is named ${task.target}`);
const board = new Board(task.board);
const send = (message: WorkerMessage) => parentPort?.postMessage(message);

const result = await runCampaign(target, {
  seed: task.seed,
  durationMs: task.durationMs,
  corpus: task.corpus,
  onInput: (input) => board.put(input),
  onProgress: (progress) => send({ type: "progress", progress }),
  onFinding: (finding) => send({ type: "finding", finding }),
});
board.rest();
send({ type: "result", result });
