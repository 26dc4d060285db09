import type { Instant } from "../time.js";
import { FewChoicesPolicy } from "./few-choices-policy.js";
import type { ViewInstance } from "./picker.js";

/**
 * Draws five instances and picks the one that is expected to succeed soonest.
 *
 * The cost of an instance is its latency, times the calls under way with the new one, times the
 * calls it takes until one succeeds ({@link InstanceLoad}). Latency sees what counting calls does
 * not: slow machines, far ones, and neighbours that steal their time.
 *
 * An instance without a measured latency is taken for as fast as the one it is compared with, and
 * one that fails for no faster, in the measure in which it fails: so failing quickly attracts
 * nothing.
 *
 * Weights say who is drawn, measurements who is picked: where weights differ only two are drawn, so
 * that an instance of a small weight gets at most twice its share.
 *
 * @see Finagle `PeakEwma.scala`, with two choices; Finagle's penalty for the unknown is not used.
 */
export class EwmaPolicy extends FewChoicesPolicy {
  protected override get weightedChoiceCount(): number {
    return 2;
  }

  protected override better(first: ViewInstance, second: ViewInstance, now: Instant): ViewInstance {
    const firstMs = first.load.latencyMs(now);
    const secondMs = second.load.latencyMs(now);
    const firstCost = costOf(first, firstMs || secondMs || 1, secondMs, now);
    const secondCost = costOf(second, secondMs || firstMs || 1, firstMs, now);
    return secondCost < firstCost ? second : first;
  }
}

function costOf({ load }: ViewInstance, ownMs: number, otherMs: number, now: Instant): number {
  const factor = load.failureFactor(now);
  const failureShare = 1 - 1 / factor;
  const latencyMs = ownMs + Math.max(0, otherMs - ownMs) * failureShare;
  return latencyMs * (load.activeCount + 1) * factor;
}
