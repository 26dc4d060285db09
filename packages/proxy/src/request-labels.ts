/**
 * The labels `route` and `service` of a request's metrics: bounded, and made once for each pair.
 *
 * Routes come and go with route sets, and in dynamic mode any service may be asked for, while a
 * metric keeps every pair that it ever saw. So the table of pairs has an end; what comes after it
 * is counted together.
 */
import { RouteLabel } from "@fpzk/core";

/** Pairs with label values of their own. More than dynamic mode alone can fill with services. */
export const REQUEST_LABEL_COUNT_MAX = 4_096;
/** The service of what comes after them, and of services after the last with a label of its own. */
export const OTHER_SERVICE = "other";

/** Each pair is one object, so that what counts may go by its identity. */
export interface RequestLabels {
  readonly route: string;
  readonly service: string;
}

export class RequestLabelTable {
  readonly #byRoute = new Map<string, Map<string, RequestLabels>>();
  readonly #countMax: number;
  readonly #other: RequestLabels = { route: RouteLabel.other, service: OTHER_SERVICE };
  #count = 0;

  constructor(countMax: number = REQUEST_LABEL_COUNT_MAX) {
    this.#countMax = countMax;
  }

  /** @param service - A label value: bounded by the caller. */
  get(route: string, service: string): RequestLabels {
    const known = this.#byRoute.get(route)?.get(service);
    if (known !== undefined) return known;
    if (this.#count >= this.#countMax) return this.#other;
    this.#count += 1;
    const labels = { route, service };
    const byService = this.#byRoute.get(route) ?? new Map<string, RequestLabels>();
    this.#byRoute.set(route, byService.set(service, labels));
    return labels;
  }
}
