/**
 * Fuzzes one target for a while: mutates inputs that reached something, keeps those that reach
 * something new, and minimises those that fail.
 */
import { type Random, randomBelow, SeededRandom } from "@fpzk/core";
import { Coverage } from "./coverage.js";
import { collectedHeapBytes } from "./heap.js";
import { type Failure, judge } from "./judge.js";
import { minimize } from "./minimize.js";
import { mutate } from "./mutation.js";
import type { Target } from "./target.js";

export interface CampaignOptions {
  readonly seed: number;
  readonly durationMs: number;
  /** Inputs after which it ends early. */
  readonly executionCountMax?: number;
  /** Findings after which it ends early: the target is broken enough. Default 20. */
  readonly findingCountMax?: number;
  /** Beside the target's own seeds. */
  readonly corpus?: readonly Uint8Array[];
  readonly onProgress?: (progress: CampaignProgress) => void;
  /** Before an input is run: for a watchdog that must know which one never came back. */
  readonly onInput?: (input: Uint8Array) => void;
  readonly onFinding?: (finding: Finding) => void;
}

export interface CampaignProgress {
  readonly target: string;
  readonly executionCount: number;
  readonly elapsedMs: number;
  readonly corpusCount: number;
  /** Characters of the target's code that ran. */
  readonly reachedCount: number;
  readonly findingCount: number;
}

export interface Finding extends Failure {
  readonly target: string;
  /** Minimised; empty when no single input is to blame. */
  readonly input: Uint8Array;
}

export interface CampaignResult extends CampaignProgress {
  readonly findings: readonly Finding[];
  /** Of the heap after garbage collection, from a fifth of the time on. */
  readonly heapGrowthBytes: number;
}

/** A batch should take about this long: taking the coverage then costs little. */
const BATCH_MS = 40;
const BATCH_COUNT_MAX = 512;
const CORPUS_COUNT_MAX = 5_000;
const FINDING_COUNT_MAX = 20;
const PROGRESS_INTERVAL_MS = 1_000;
/** Growth that a short run's caches and compiled code explain. */
export const HEAP_GROWTH_MAX_BYTES = 48 * 1024 * 1024;

export async function runCampaign(
  target: Target,
  options: CampaignOptions,
): Promise<CampaignResult> {
  const campaign = new Campaign(target, options);
  await target.start?.();
  try {
    return await campaign.run();
  } finally {
    await target.end?.();
    campaign.close();
  }
}

class Campaign {
  readonly #target: Target;
  readonly #options: CampaignOptions;
  readonly #random: Random;
  readonly #coverage: Coverage | undefined;
  readonly #startMs = performance.now();
  readonly #corpus: Uint8Array[] = [];
  readonly #findings = new Map<string, Finding>();
  #executionCount = 0;
  #batchCount = 8;
  #progressAtMs = 0;

  constructor(target: Target, options: CampaignOptions) {
    this.#target = target;
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#coverage = target.covers === undefined ? undefined : new Coverage(target.covers);
  }

  async run(): Promise<CampaignResult> {
    const { corpus = [], durationMs } = this.#options;
    for (const input of [...this.#target.seeds(this.#random), ...corpus]) {
      this.#corpus.push(input);
      if (this.#executionCount === 0 || !this.#isOver) await this.#execute(input);
    }
    this.#coverage?.take();
    let warmHeapBytes: number | undefined;
    while (!this.#isOver) {
      await this.#batch();
      this.#report();
      if (warmHeapBytes === undefined && this.#elapsedMs > durationMs / 5) {
        warmHeapBytes = collectedHeapBytes();
      }
    }
    const heapGrowthBytes = this.#judgeGrowth(warmHeapBytes);
    this.#report(true);
    return { ...this.#progress, findings: [...this.#findings.values()], heapGrowthBytes };
  }

  close(): void {
    this.#coverage?.close();
  }

  get #elapsedMs(): number {
    return performance.now() - this.#startMs;
  }

  get #isOver(): boolean {
    const { durationMs, executionCountMax = Number.POSITIVE_INFINITY } = this.#options;
    const { findingCountMax = FINDING_COUNT_MAX } = this.#options;
    return (
      this.#elapsedMs >= durationMs ||
      this.#executionCount >= executionCountMax ||
      this.#findings.size >= findingCountMax
    );
  }

  get #progress(): CampaignProgress {
    return {
      target: this.#target.name,
      executionCount: this.#executionCount,
      elapsedMs: this.#elapsedMs,
      corpusCount: this.#corpus.length,
      reachedCount: this.#coverage?.reached ?? 0,
      findingCount: this.#findings.size,
    };
  }

  async #batch(): Promise<void> {
    const mark = this.#coverage?.mark();
    const inputs: Uint8Array[] = [];
    const startMs = performance.now();
    for (let count = 0; count < this.#batchCount && !this.#isOver; count += 1) {
      const input = this.#make();
      inputs.push(input);
      await this.#execute(input);
    }
    const elapsedMs = performance.now() - startMs;
    if (elapsedMs < BATCH_MS) this.#batchCount = Math.min(2 * this.#batchCount, BATCH_COUNT_MAX);
    else if (elapsedMs > 4 * BATCH_MS) this.#batchCount = Math.max(1, this.#batchCount >> 1);
    if (this.#coverage === undefined || mark === undefined || this.#coverage.take() === 0) return;
    this.#coverage.restore(mark);
    await this.#keepNew(inputs);
  }

  #make(): Uint8Array {
    const { form, words = [], maxBytes } = this.#target;
    // Newer inputs reached something lately: they are worth more tries.
    const isRecent = randomBelow(this.#random, 2) === 0;
    const countBack = isRecent ? Math.min(20, this.#corpus.length) : this.#corpus.length;
    const at = this.#corpus.length - 1 - randomBelow(this.#random, Math.max(1, countBack));
    const other = this.#corpus[randomBelow(this.#random, Math.max(1, this.#corpus.length))];
    const empty = new Uint8Array(0);
    return mutate(
      { form, words, maxBytes, random: this.#random },
      this.#corpus[at] ?? empty,
      other ?? empty,
    );
  }

  /** Of inputs that together reached something new, keeps those that do it alone. */
  async #keepNew(inputs: readonly Uint8Array[]): Promise<void> {
    const coverage = this.#coverage;
    if (coverage === undefined || inputs.length === 0 || this.#isOver) return;
    const mark = coverage.mark();
    for (const input of inputs) await this.#execute(input);
    if (coverage.take() === 0) return;
    const [only] = inputs;
    if (inputs.length === 1 && only !== undefined) {
      this.#corpus.push(only);
      if (this.#corpus.length > CORPUS_COUNT_MAX) this.#corpus.shift();
      return;
    }
    coverage.restore(mark);
    const half = inputs.length >> 1;
    await this.#keepNew(inputs.slice(0, half));
    await this.#keepNew(inputs.slice(half));
  }

  async #execute(input: Uint8Array): Promise<void> {
    this.#executionCount += 1;
    this.#options.onInput?.(input);
    const failure = await judge(this.#target, input);
    if (failure === undefined || this.#findings.has(failure.signature)) return;
    const finding = { ...failure, target: this.#target.name, input };
    this.#findings.set(failure.signature, finding);
    const smallest = await minimize(input, async (candidate) => {
      this.#options.onInput?.(candidate);
      return (await judge(this.#target, candidate))?.signature === failure.signature;
    });
    const minimized = { ...finding, input: smallest };
    this.#findings.set(failure.signature, minimized);
    this.#options.onFinding?.(minimized);
  }

  #judgeGrowth(warmHeapBytes: number | undefined): number {
    if (warmHeapBytes === undefined) return 0;
    const growthBytes = collectedHeapBytes() - warmHeapBytes;
    if (growthBytes <= HEAP_GROWTH_MAX_BYTES) return growthBytes;
    const finding: Finding = {
      kind: "memory",
      message: `the heap grew by ${growthBytes} bytes, must be <= ${HEAP_GROWTH_MAX_BYTES}`,
      signature: "memory",
      target: this.#target.name,
      input: new Uint8Array(0),
    };
    this.#findings.set(finding.signature, finding);
    this.#options.onFinding?.(finding);
    return growthBytes;
  }

  #report(isLast = false): void {
    const { onProgress } = this.#options;
    if (onProgress === undefined) return;
    if (!isLast && this.#elapsedMs < this.#progressAtMs) return;
    this.#progressAtMs = this.#elapsedMs + PROGRESS_INTERVAL_MS;
    onProgress(this.#progress);
  }
}
