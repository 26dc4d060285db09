/**
 * A smaller input that fails alike: parts are left out, first halves, then ever smaller ones.
 *
 * @see Zeller & Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (ddmin), 2002.
 */

/** Runs that one minimisation may take. */
const RUN_COUNT_MAX = 1_500;

export async function minimize(
  input: Uint8Array,
  failsAlike: (candidate: Uint8Array) => Promise<boolean>,
  runCountMax = RUN_COUNT_MAX,
): Promise<Uint8Array> {
  let smallest = input;
  let runCount = 0;
  const accepts = async (candidate: Uint8Array): Promise<boolean> => {
    runCount += 1;
    if (runCount > runCountMax || !(await failsAlike(candidate))) return false;
    smallest = candidate;
    return true;
  };
  for (let size = Math.ceil(input.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < smallest.length && runCount < runCountMax; ) {
      const rest = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)]);
      if (!(await accepts(rest))) at += size;
    }
  }
  for (let at = 0; at < smallest.length && runCount < runCountMax; at += 1) {
    if (smallest[at] === 0) continue;
    const plain = Uint8Array.from(smallest);
    plain[at] = 0;
    await accepts(plain);
  }
  return smallest;
}
