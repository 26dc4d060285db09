/** What goes into a view as bytes, and what comes out of it as changes. */
import type { InstanceDescription, OverrideDescription } from "../instance.js";
import type { ViewInstance } from "../pick/picker.js";
import type { RemovalReason, Stamp } from "../record.js";

/** Turns record bodies into descriptions; undefined for bytes that mean nothing to this version. */
export interface BodyDecoder {
  instance(body: Uint8Array): InstanceDescription | undefined;
  override(body: Uint8Array): OverrideDescription | undefined;
}

/**
 * Why an instance is shown no more: what its tombstone says, or `elsewhere`: it is a region's own,
 * and the client is connected in another region now.
 */
export type LeaveReason = RemovalReason | "elsewhere";

export type InstanceChange =
  | { readonly type: "added" | "updated"; readonly instance: ViewInstance }
  | { readonly type: "removed"; readonly instance: ViewInstance; readonly reason: LeaveReason };

/** A record that drains and has to be confirmed once nothing picks its instance any more (P7). */
export interface DrainingRecord {
  readonly id: string;
  readonly stamp: Stamp;
}

export interface ViewUpdate {
  readonly changes: readonly InstanceChange[];
  /** Winners among what was delivered that say `draining`. */
  readonly draining: readonly DrainingRecord[];
}
