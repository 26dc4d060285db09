import type { Instant } from "../time.js";
import type { ViewInstance } from "./picker.js";

/** A policy over one fixed group of instances, which is never empty. */
export interface GroupPolicy {
  /**
   * One instance of the group; undefined only when `excluded` holds all of them.
   *
   * Allocates nothing.
   */
  pick(
    key: string,
    excluded: ReadonlySet<string> | undefined,
    now: Instant,
  ): ViewInstance | undefined;
}

/** Draws before a policy stops drawing blindly and walks the group for what is not excluded. */
export const DRAW_COUNT_MAX = 4;
