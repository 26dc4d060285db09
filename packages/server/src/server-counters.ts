/** What the edge counts: plain numbers that a hot path can raise; `metrics.ts` shows them. */
import type { ErrorCode } from "@fpzk/core";

/** Where refused input came from. */
export type RefusedSource = "session" | "link" | "port" | "http";

export class ServerCounters {
  /** Records pushed: messages times receivers. */
  pushCount = 0;
  pushBytes = 0;
  /** Messages to sessions that are not changes or snapshots. */
  answerCount = 0;
  sessionInputCount = 0;
  sessionInputBytes = 0;
  /** Times a session's queue went over its bound and its changes were dropped. */
  queueDropCount = 0;
  /** Sessions ended because they did not read for too long. */
  slowSessionCloseCount = 0;
  deltaSentCount = 0;
  deltaSentBytes = 0;
  deltaReceivedCount = 0;
  deltaReceivedBytes = 0;
  linkCongestedCount = 0;
  dialFailedCount = 0;
  snapshotCount = 0;
  snapshotFailureCount = 0;
  readonly #refused = new Map<string, number>();

  /** Counts one refused input; both labels come from closed sets. */
  refuse(source: RefusedSource, code: ErrorCode): void {
    const key = `${source} ${code}`;
    this.#refused.set(key, (this.#refused.get(key) ?? 0) + 1);
  }

  /** Refused inputs by where they came from and why. */
  *refused(): Iterable<{ source: string; code: string; count: number }> {
    for (const [key, count] of this.#refused) {
      const [source = "", code = ""] = key.split(" ");
      yield { source, code, count };
    }
  }

  /** Refused inputs of one source. */
  refusedCount(source: RefusedSource): number {
    let sum = 0;
    for (const entry of this.refused()) if (entry.source === source) sum += entry.count;
    return sum;
  }
}
