/** Durations as people write them: a number of milliseconds, or a text such as `30s`. */

/** For JSON Schema: what {@link parseDurationMs} accepts as a text. */
export const DURATION_PATTERN = "^[0-9]{1,9}(\\.[0-9]{1,3})?(ms|s|m|h)$";

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const DURATION = new RegExp(DURATION_PATTERN);

/** Whole milliseconds, or undefined when the value is no duration. */
export function parseDurationMs(value: number | string): number | undefined {
  if (typeof value === "number")
    return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  const match = DURATION.exec(value);
  const unitMs = UNIT_MS[match?.[2] ?? ""];
  if (unitMs === undefined) return undefined;
  return Math.round(Number.parseFloat(value) * unitMs);
}
