/** What all that the proxy does with one service shares, whatever route and policy it goes by. */
import { RetryBudget, type RetryBudgetOptions } from "@fpzk/core";

export class ServiceTraffic {
  /** Namespace and service, as one text. */
  readonly key: string;
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

  constructor(key: string, service: string, budget: RetryBudgetOptions) {
    this.key = key;
    this.service = service;
    this.budget = new RetryBudget(budget);
  }
}
