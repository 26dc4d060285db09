import type { RecordGroup } from "../messages.js";

/** A full answer that is still coming in. */
export interface SnapshotBuffer {
  readonly groups: RecordGroup[];
  recordCount: number;
  /** Keys that changed since the answer began: its lacking them proves nothing. */
  readonly touched: Set<string>;
}
