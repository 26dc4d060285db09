import type { Random } from "../random.js";
import type { Instant } from "../time.js";
import type { ViewInstance } from "./picker.js";
import { TwoChoicesPolicy } from "./two-choices-policy.js";

/**
 * Draws two instances and picks the one that is expected to succeed sooner.
 *
 * The cost of an instance is its latency, times the calls under way with the new one, times the
 * calls it takes until one succeeds ({@link InstanceLoad}). Latency sees what counting calls does
 * not: slow machines, far ones, and neighbours that steal their time.
 *
 * An instance without a measured latency is taken for as fast as the one it is compared with, and
 * one that fails for no faster, in the measure in which it fails: so failing quickly attracts
 * nothing. Draws are by weight; weights say who is asked, measurements who is picked.
 *
 * @see Finagle `PeakEwma.scala`; Mitzenmacher, "The Power of Two Choices in Randomized Load
 * Balancing" (2001). Finagle's penalty for the unknown is not used: see above.
 */
export class EwmaPolicy extends TwoChoicesPolicy {
  constructor(instances: readonly ViewInstance[], random: Random) {
    super(instances, random);
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
