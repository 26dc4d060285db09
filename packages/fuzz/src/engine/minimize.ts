/**
 * A smaller input that fails alike: parts are left out, first halves, then ever smaller ones.
 *
 * @see Zeller & Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (ddmin), 2002.
 */

/** Runs that one minimisation may take. */
const RUN_COUNT_MAX = 1_500;
/** An input that hangs costs a while each time. */
const DURATION_MAX_MS = 5_000;

export interface MinimizeOptions {
  readonly runCountMax?: number;
  readonly durationMaxMs?: number;
}

export async function minimize(
  input: Uint8Array,
  failsAlike: (candidate: Uint8Array) => Promise<boolean>,
  options: MinimizeOptions = {},
): Promise<Uint8Array> {
  const { runCountMax = RUN_COUNT_MAX, durationMaxMs = DURATION_MAX_MS } = options;
  const endMs = performance.now() + durationMaxMs;
  let smallest = input;
  let runCount = 0;
  const isOver = () => runCount >= runCountMax || performance.now() > endMs;
  const accepts = async (candidate: Uint8Array): Promise<boolean> => {
    if (isOver()) return false;
    runCount += 1;
    if (!(await failsAlike(candidate))) return false;
    smallest = candidate;
    return true;
  };
  for (let size = Math.ceil(input.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < smallest.length && !isOver(); ) {
      const rest = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)]);
      if (!(await accepts(rest))) at += size;
    }
  }
  for (let at = 0; at < smallest.length && !isOver(); at += 1) {
    if (smallest[at] === 0) continue;
    const plain = Uint8Array.from(smallest);
    plain[at] = 0;
    await accepts(plain);
  }
  return smallest;
}
