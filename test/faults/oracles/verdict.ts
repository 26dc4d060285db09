/** What an oracle says. */

/** S: never may it happen; L: it must come about. See docs/reliability.md. */
export type OracleName = "S1" | "S2" | "S3" | "S4" | "S5" | "L1" | "L2" | "L3";

export interface Violation {
  readonly oracle: OracleName;
  readonly at: number;
  readonly text: string;
}

/** Failures kept with their text; the rest is counted. */
const VIOLATION_COUNT_MAX = 200;

export class Verdict {
  readonly violations: Violation[] = [];
  readonly checkCounts = new Map<OracleName, number>();
  readonly violationCounts = new Map<OracleName, number>();
  readonly excuseCounts = new Map<OracleName, number>();

  /** Counts a check; false writes the violation down. */
  check(oracle: OracleName, isGood: boolean, at: number, text: () => string): void {
    this.checkCounts.set(oracle, (this.checkCounts.get(oracle) ?? 0) + 1);
    if (isGood) return;
    this.violationCounts.set(oracle, (this.violationCounts.get(oracle) ?? 0) + 1);
    if (this.violations.length >= VIOLATION_COUNT_MAX) return;
    this.violations.push({ oracle, at, text: text() });
  }

  /** Counts what could not be judged, because the machine had too much work at that time. */
  excuse(oracle: OracleName): void {
    this.excuseCounts.set(oracle, (this.excuseCounts.get(oracle) ?? 0) + 1);
  }

  get isGood(): boolean {
    return this.violationCounts.size === 0;
  }
}
