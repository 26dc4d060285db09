/** Changes values within a tree of arrays and objects: what a byte mutation hardly ever hits. */
import { type Random, randomBelow } from "@fpzk/core";

const INTERESTING: readonly unknown[] = [
  ...[0, 1, -1, 2, 127, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 48],
  ...[2 ** 53 - 1, 2 ** 53, -(2 ** 53), 0.5, Number.NaN, Number.POSITIVE_INFINITY, 1e308],
  ...["", "a", "/", "\u0000", "\u0001", "\uFEFF", "\uFFFD", "\uD800", "💥", "é", "__proto__"],
  ...["constructor", "x".repeat(200), "x".repeat(201), "default", "127.0.0.1:1", "*", "../.."],
  ...[null, true, false, [], [[]], [[[[[[[[1]]]]]]]]],
  ...[new Uint8Array(0), new Uint8Array([0xc1]), new Uint8Array(16_384), new Uint8Array(16_385)],
];

interface TreeMutator {
  readonly words: readonly string[];
  readonly random: Random;
  readonly form: string;
}

/** The tree with one to three of its values changed. */
export function mutateTree(tree: unknown, mutator: TreeMutator): unknown {
  let changed = tree;
  const changeCount = 1 + randomBelow(mutator.random, 3);
  for (let count = 0; count < changeCount; count += 1) changed = change(changed, mutator, 0);
  return changed;
}

function change(value: unknown, mutator: TreeMutator, depth: number): unknown {
  const { random } = mutator;
  const children = childrenOf(value);
  if (children.length === 0 || (depth > 0 && randomBelow(random, 4) === 0)) {
    return replacement(value, mutator);
  }
  const [key] = children[randomBelow(random, children.length)] ?? [];
  if (key === undefined) return value;
  if (Array.isArray(value)) return changeArray(value, Number(key), mutator, depth);
  const copy = Object.fromEntries(children);
  if (randomBelow(random, 8) === 0) delete copy[key];
  else copy[key] = change(copy[key], mutator, depth + 1);
  return copy;
}

function changeArray(
  list: readonly unknown[],
  at: number,
  mutator: TreeMutator,
  depth: number,
): unknown[] {
  const { random } = mutator;
  const copy = [...list];
  switch (randomBelow(random, 8)) {
    case 0:
      copy.splice(at, 1);
      break;
    case 1:
      copy.splice(at, 0, copy[at]);
      break;
    case 2:
      copy.splice(at, 0, replacement(undefined, mutator));
      break;
    case 3: {
      const other = randomBelow(random, copy.length);
      [copy[at], copy[other]] = [copy[other], copy[at]];
      break;
    }
    default:
      copy[at] = change(copy[at], mutator, depth + 1);
  }
  return copy;
}

function replacement(value: unknown, { random, words, form }: TreeMutator): unknown {
  const choice = randomBelow(random, 4);
  if (choice === 0 && typeof value === "number") return value + randomBelow(random, 5) - 2;
  if (choice === 1 && words.length > 0) return words[randomBelow(random, words.length)];
  const found = INTERESTING[randomBelow(random, INTERESTING.length)];
  return form === "json" && found instanceof Uint8Array ? {} : found;
}

function childrenOf(value: unknown): [string, unknown][] {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return [];
  return Object.entries(value);
}
