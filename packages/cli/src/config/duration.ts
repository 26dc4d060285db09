/** Durations as people write them: `500ms`, `3s`, `15m`, `1h`, `7d`, or a number of milliseconds. */

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const DURATION_PATTERN = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?$/;

/** Milliseconds, rounded to whole ones, or undefined when it is not a duration. */
export function parseDurationMs(value: unknown): number | undefined {
  if (typeof value === "number") return value >= 0 && Number.isFinite(value) ? value : undefined;
  if (typeof value !== "string") return undefined;
  const match = DURATION_PATTERN.exec(value.trim());
  if (match === null) return undefined;
  const durationMs = Math.round(Number(match[1]) * (UNIT_MS[match[2] ?? "ms"] ?? 1));
  return Number.isSafeInteger(durationMs) ? durationMs : undefined;
}

/** The shortest exact form: 900000 is `15m`, 1500 is `1500ms`. */
export function formatDurationMs(durationMs: number): string {
  if (durationMs === 0) return "0s";
  for (const unit of ["d", "h", "m", "s"]) {
    const unitMs = UNIT_MS[unit] ?? 1;
    if (durationMs % unitMs === 0) return `${durationMs / unitMs}${unit}`;
  }
  return `${durationMs}ms`;
}
