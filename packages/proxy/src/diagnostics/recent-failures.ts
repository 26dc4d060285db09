/**
 * The last failures of the request path, for people to look at.
 *
 * Holds no path, query, header or address of a caller: who reads a failure learns which service and
 * instance it was and why, and nothing that was a secret between a caller and a service.
 */

/** Older ones are overwritten. */
export const RECENT_FAILURE_COUNT = 50;
/** What instances say may be long. */
const DETAIL_LENGTH_MAX = 300;

export interface Failure {
  readonly service: string;
  /** Empty when there was none to ask. */
  readonly instanceId: string;
  /** A name that stays the same, such as `connect` or `no-instance`. */
  readonly reason: string;
  /** In words of the proxy; empty where it would be an instance's. */
  readonly detail: string;
}

export interface RecentFailure extends Failure {
  /** By this machine's wall clock, ISO 8601. */
  readonly at: string;
}

export class RecentFailures {
  readonly #ring: RecentFailure[] = [];
  #next = 0;
  #count = 0;

  /** Failures since the start. */
  get count(): number {
    return this.#count;
  }

  add(failure: Failure): void {
    const detail = failure.detail.slice(0, DETAIL_LENGTH_MAX);
    this.#ring[this.#next] = { at: new Date().toISOString(), ...failure, detail };
    this.#next = (this.#next + 1) % RECENT_FAILURE_COUNT;
    this.#count += 1;
  }

  /** The newest first. */
  list(): readonly RecentFailure[] {
    const { length } = this.#ring;
    return Array.from({ length }, (_, index) =>
      this.#ring.at((this.#next - 1 - index) % length),
    ).flatMap((failure) => failure ?? []);
  }
}
