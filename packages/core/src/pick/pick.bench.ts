/** How many picks a second, and what each leaves to the garbage collector. */
import { getHeapStatistics } from "node:v8";
import { SeededRandom } from "../random.js";
import { instant } from "../time.js";
import { createPicker } from "./create-picker.js";
import { type Picker, PolicyName } from "./picker.js";
import { pickerOptions, viewInstances } from "./view-instance.fixture.js";

export interface PickBenchOptions {
  /** Default 10 and 1,000. */
  readonly instanceCounts?: readonly number[];
  /** Wall time of each measurement; default 200. Small for a run that only must not rot. */
  readonly measureMs?: number;
}

export interface PickBenchResult {
  readonly policy: PolicyName;
  readonly instanceCount: number;
  /** Whether weights differ: rendezvous and least request then work harder. */
  readonly hasWeights: boolean;
  readonly picksPerSecond: number;
  /** Median over many batches; 0 is the promise. */
  readonly bytesPerPick: number;
  /** Of one `createPicker` and its first pick: the cost of a change of the view. */
  readonly createMicroseconds: number;
  /** Sum over the picked ids, so that no pick can be optimised away. */
  readonly checksum: number;
}

const NOW = instant(1_000.5);
const BATCH_COUNT = 1_000;
const CREATE_COUNT = 50;
const KEYS = Array.from({ length: 256 }, (_, index) => ({ key: `user-${index}` }));

/** Measures every policy, with equal and with different weights. */
export function benchPickers(options: PickBenchOptions = {}): PickBenchResult[] {
  const { instanceCounts = [10, 1_000], measureMs = 200 } = options;
  return Object.values(PolicyName).flatMap((policy) =>
    instanceCounts.flatMap((instanceCount) =>
      [false, true].map((hasWeights) => benchOne(policy, instanceCount, hasWeights, measureMs)),
    ),
  );
}

function benchOne(
  policy: PolicyName,
  instanceCount: number,
  hasWeights: boolean,
  measureMs: number,
): PickBenchResult {
  const instances = viewInstances(instanceCount, (index) => ({
    weight: hasWeights ? 50 + (index % 100) : 100,
    since: 1 + index,
    activeCount: index % 3,
  }));
  const create = (): Picker =>
    createPicker(instances, pickerOptions({ policy, random: new SeededRandom(1) }));
  const picker = create();
  let checksum = pickUntil(picker, measureMs / 4).checksum;
  const speed = pickUntil(picker, measureMs);
  const createStart = performance.now();
  for (let index = 0; index < CREATE_COUNT; index += 1) {
    checksum += create().pick(undefined, NOW)?.id.length ?? 0;
  }
  const createMs = performance.now() - createStart;
  return {
    policy,
    instanceCount,
    hasWeights,
    picksPerSecond: Math.round((speed.pickCount / speed.elapsedMs) * 1_000),
    bytesPerPick: bytesPerPick(picker, measureMs),
    createMicroseconds: Math.round((createMs / CREATE_COUNT) * 1_000),
    checksum: checksum + speed.checksum,
  };
}

function pickBatch(picker: Picker): number {
  let checksum = 0;
  for (let index = 0; index < BATCH_COUNT; index += 1) {
    checksum += picker.pick(KEYS[index & 255], NOW)?.since ?? 0;
  }
  return checksum;
}

function pickUntil(
  picker: Picker,
  measureMs: number,
): { pickCount: number; elapsedMs: number; checksum: number } {
  const start = performance.now();
  let pickCount = 0;
  let checksum = 0;
  let elapsedMs = 0;
  do {
    checksum += pickBatch(picker);
    pickCount += BATCH_COUNT;
    elapsedMs = performance.now() - start;
  } while (elapsedMs < measureMs);
  return { pickCount, elapsedMs, checksum };
}

/** Growth of the heap over batches, less that of measuring itself; medians shrug off collections. */
function bytesPerPick(picker: Picker, measureMs: number): number {
  const growths: number[] = [];
  const emptyGrowths: number[] = [];
  const end = performance.now() + measureMs;
  do {
    const before = getHeapStatistics().used_heap_size;
    pickBatch(picker);
    const after = getHeapStatistics().used_heap_size;
    const afterNothing = getHeapStatistics().used_heap_size;
    growths.push(after - before);
    emptyGrowths.push(afterNothing - after);
  } while (performance.now() < end);
  const bytes = (median(growths) - median(emptyGrowths)) / BATCH_COUNT;
  return Math.round(Math.max(0, bytes) * 10) / 10;
}

function median(values: number[]): number {
  values.sort((a, b) => a - b);
  return values[values.length >>> 1] ?? 0;
}
