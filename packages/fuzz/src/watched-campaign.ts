/** A campaign on another thread, with a watchdog: what never ends, or takes all memory, is found. */
import { Worker } from "node:worker_threads";
import { Board } from "./board.js";
import type { CampaignProgress, CampaignResult, Finding } from "./engine/campaign.js";
import { failureOf } from "./engine/judge.js";

export interface WorkerTask {
  readonly target: string;
  readonly seed: number;
  readonly durationMs: number;
  readonly corpus: readonly Uint8Array[];
  readonly board: SharedArrayBuffer;
}

export type WorkerMessage =
  | { readonly type: "progress"; readonly progress: CampaignProgress }
  | { readonly type: "finding"; readonly finding: Finding }
  | { readonly type: "result"; readonly result: CampaignResult };

/** Far above {@link HANG_MS}: a machine may be busy, but not for so long. */
const STUCK_MS = 60_000;
const WATCH_INTERVAL_MS = 1_000;
const HEAP_MAX_MB = 1_024;
const BOARD_BYTES = 128 * 1024;

export interface WatchedOptions extends Omit<WorkerTask, "board"> {
  readonly onProgress: (progress: CampaignProgress) => void;
  readonly onFinding: (finding: Finding) => void;
}

export function runWatched(options: WatchedOptions): Promise<CampaignResult> {
  const { onProgress, onFinding, ...rest } = options;
  const memory = Board.memoryFor(BOARD_BYTES);
  const board = new Board(memory);
  const task: WorkerTask = { ...rest, board: memory };
  const worker = new Worker(new URL("./campaign-worker.js", import.meta.url), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MAX_MB },
  });
  let last: CampaignProgress = {
    ...{ target: options.target, executionCount: 0, elapsedMs: 0, corpusCount: 0 },
    ...{ reachedCount: 0, findingCount: 0 },
  };
  const findings: Finding[] = [];
  return new Promise((resolve) => {
    let seen = { count: 0, atMs: performance.now() };
    const end = (result: CampaignResult) => {
      clearInterval(timer);
      worker.terminate().then(
        () => resolve(result),
        () => resolve(result),
      );
    };
    const fail = (failure: Omit<Finding, "target" | "input">) => {
      const finding = { ...failure, target: options.target, input: board.input };
      findings.push(finding);
      onFinding(finding);
      end({ ...last, findings, findingCount: findings.length, heapGrowthBytes: 0 });
    };
    const timer = setInterval(() => {
      const { count } = board;
      if (count !== seen.count || count === 0) seen = { count, atMs: performance.now() };
      else if (performance.now() - seen.atMs > STUCK_MS) {
        const message = `did not come back within ${STUCK_MS} ms`;
        fail({ kind: "hang", message, signature: "stuck" });
      }
    }, WATCH_INTERVAL_MS);
    worker.on("message", (message: WorkerMessage) => {
      if (message.type === "progress") {
        last = message.progress;
        onProgress(last);
      } else if (message.type === "finding") {
        findings.push(message.finding);
        onFinding(message.finding);
      } else end(message.result);
    });
    worker.on("error", (error) => {
      const isMemory = (error as NodeJS.ErrnoException).code === "ERR_WORKER_OUT_OF_MEMORY";
      fail({ ...failureOf(error), ...(isMemory ? { kind: "memory" } : {}) });
    });
  });
}
