/** One thing that is wrong with the configuration, and how it is told. */

export interface Mistake {
  /** `cluster.sessionTtl`, or empty for the file as a whole. */
  readonly path: string;
  /** Where the value came from: `fpzk.yaml:3`, `FPZK_PORT`, `--port`, or `default`. */
  readonly source: string;
  /** The value as given, shortened; undefined when nothing was given. */
  readonly valueText: string | undefined;
  /** What is wrong with it, or empty when `allowed` says it all. */
  readonly problem: string;
  /** What would be right. */
  readonly allowed: string;
}

const VALUE_TEXT_MAX_COUNT = 80;

/** `cluster.sessionTtl: "3 parsecs" (fpzk.yaml:3) is not allowed; allowed: a duration …` */
export function formatMistake(mistake: Mistake): string {
  const value = mistake.valueText === undefined ? "" : `: ${mistake.valueText}`;
  const problem = mistake.problem === "" ? "is not allowed" : mistake.problem;
  const head = `${mistake.path}${value} (${mistake.source})`;
  return mistake.allowed === ""
    ? `${head} ${problem}`
    : `${head} ${problem}; allowed: ${mistake.allowed}`;
}

/** A value as messages show it: JSON, cut, and hidden when it is a secret. */
export function formatValue(value: unknown, isSecret: boolean): string {
  if (isSecret) {
    return typeof value === "string" ? `(hidden, ${Buffer.byteLength(value)} bytes)` : "(hidden)";
  }
  const text = JSON.stringify(value) ?? String(value);
  const characters = [...text];
  return characters.length <= VALUE_TEXT_MAX_COUNT
    ? text
    : `${characters.slice(0, VALUE_TEXT_MAX_COUNT).join("")}…`;
}

/** The known word that a typing mistake most likely meant, or undefined. */
export function nearestWord(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein's distance, one row at a time; words are cut to 100 characters. */
function editDistance(left: string, right: string): number {
  const a = left.slice(0, 100);
  const b = right.slice(0, 100);
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
