/** What one subscription knows of one instance, for people to look at. */
import type { ViewInstance } from "../pick/picker.js";
import type { EjectionReason } from "./outlier-detector.js";

/** Numbers of this process's own calls; another process may see the instance otherwise. */
export interface InstanceStanding {
  readonly instance: ViewInstance;
  /** Calls under way. */
  readonly activeCount: number;
  /** Calls whose end said something of the instance, and those of them that failed. */
  readonly endedCount: number;
  readonly failedCount: number;
  /** Share of recent calls that failed, 0 to 1. */
  readonly failureRatio: number;
  /** Peak EWMA; 0 when none is known. */
  readonly latencyMs: number;
  /** Of recent successes; undefined when there were none. */
  readonly latencyP50Ms: number | undefined;
  readonly latencyP99Ms: number | undefined;
  /** Share of its load that it gets while it is new, 0 to 1. */
  readonly slowStartRatio: number;
  /** Undefined while it is in service. */
  readonly ejection: { readonly reason: EjectionReason; readonly remainingMs: number } | undefined;
}
