/** What all that the proxy does with one service shares, whatever route and policy it goes by. */
import { RetryBudget, type RetryBudgetOptions } from "@fpzk/core";

export class ServiceTraffic {
  /** Namespace, service and budget, as one text. */
  readonly key: string;
  /** Namespace and service. */
  readonly place: string;
  readonly service: string;
  /** It had an instance to call, so that its name may label a metric. */
  isKnown = false;
  /** Calls under way at its instances. */
  activeCount = 0;
  /** Requests that wait for an instance with room. */
  pendingCount = 0;
  /** Watches that count here; without any it is forgotten. */
  watchCount = 0;
  /** Of retries and hedges together, so that no route of several multiplies what a service gets. */
  readonly budget: RetryBudget;

  constructor(place: string, service: string, budget: RetryBudgetOptions) {
    this.key = trafficKey(place, budget);
    this.place = place;
    this.service = service;
    this.budget = new RetryBudget(budget);
  }
}

/** Routes with a budget of their own do not share that of others. */
export function trafficKey(place: string, budget: RetryBudgetOptions): string {
  return `${place}\u0001${budget.retryRatio}\u0001${budget.retryPerSecondMin}`;
}
