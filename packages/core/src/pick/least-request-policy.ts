import type { Instant } from "../time.js";
import { FewChoicesPolicy } from "./few-choices-policy.js";
import type { ViewInstance } from "./picker.js";

/**
 * Draws five instances and picks the one with the fewest calls under way for its weight.
 *
 * Draws are by weight and the loads compared are calls / weight; so weights hold when idle (ties go
 * to the first draw) and calls under way are proportional to weights when busy.
 *
 * An instance that fails looks busier than it is: (calls + 1) times the calls it takes until one
 * succeeds, less one. Without that a fast-failing instance is always the idle one and takes all.
 *
 * @see gRFC A48 (least request); linkerd2-proxy's crate `linkerd/load-biaser` for failures as load.
 */
export class LeastRequestPolicy extends FewChoicesPolicy {
  protected override better(first: ViewInstance, second: ViewInstance, now: Instant): ViewInstance {
    const firstLoad = loadOf(first, now);
    const secondLoad = loadOf(second, now);
    if (first.weight === second.weight) return secondLoad < firstLoad ? second : first;
    return secondLoad * first.weight < firstLoad * second.weight ? second : first;
  }
}

function loadOf({ load }: ViewInstance, now: Instant): number {
  return (load.activeCount + 1) * load.failureFactor(now) - 1;
}
