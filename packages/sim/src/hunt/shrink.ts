/**
 * Makes a failing list short: delta debugging.
 *
 * Cuts the list into parts and asks of each part, and of the list without it, whether that still
 * fails; goes on with what does, in ever finer parts. What comes out fails, and no single item of
 * it can be left out (as long as the budget of tries lasts).
 *
 * @see Zeller, Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (2002): `ddmin`.
 */
export interface ShrinkOptions {
  /** Tries at most: each plays a whole history. */
  readonly tryCountMax: number;
  readonly progress?: (state: { readonly tryCount: number; readonly itemCount: number }) => void;
}

/**
 * @param items - What fails as a whole.
 * @param fails - Whether a part of it, in the same order, still fails in the same way.
 */
export async function shrink<Item>(
  items: readonly Item[],
  fails: (part: readonly Item[]) => Promise<boolean>,
  options: ShrinkOptions,
): Promise<readonly Item[]> {
  let tryCount = 0;
  const test = async (part: readonly Item[]): Promise<boolean> => {
    if (tryCount >= options.tryCountMax) return false;
    tryCount += 1;
    options.progress?.({ tryCount, itemCount: part.length });
    return fails(part);
  };
  // Some failures need no strike at all.
  if (items.length > 0 && (await test([]))) return [];
  let failing = items;
  let partCount = 2;
  while (failing.length >= 2 && tryCount < options.tryCountMax) {
    const parts = cut(failing, partCount);
    const next = await firstFailing(parts, failing, test);
    if (next === undefined) {
      if (partCount >= failing.length) break;
      partCount = Math.min(failing.length, partCount * 2);
      continue;
    }
    failing = next.items;
    partCount = next.isPart ? 2 : Math.max(2, partCount - 1);
    partCount = Math.min(partCount, Math.max(2, failing.length));
  }
  return failing;
}

/** A part alone, or all but a part. */
async function firstFailing<Item>(
  parts: readonly (readonly Item[])[],
  all: readonly Item[],
  test: (part: readonly Item[]) => Promise<boolean>,
): Promise<{ readonly items: readonly Item[]; readonly isPart: boolean } | undefined> {
  for (const part of parts) if (await test(part)) return { items: part, isPart: true };
  // With two parts, one without the other is the other alone.
  if (parts.length === 2) return undefined;
  for (const part of parts) {
    const left = new Set(part);
    const rest = all.filter((item) => !left.has(item));
    if (await test(rest)) return { items: rest, isPart: false };
  }
  return undefined;
}

function cut<Item>(items: readonly Item[], partCount: number): (readonly Item[])[] {
  const parts: (readonly Item[])[] = [];
  for (let index = 0; index < partCount; index += 1) {
    const start = Math.floor((index * items.length) / partCount);
    const end = Math.floor(((index + 1) * items.length) / partCount);
    if (end > start) parts.push(items.slice(start, end));
  }
  return parts;
}
