/**
 * A simple leader: the instance that has been registered for the longest.
 *
 * Everybody who sees the same instances names the same one, without a vote. That is as good as the
 * views: during a network split each side may have a leader, and for a moment after a change two
 * may think that they are it. For work that may be done twice, or that is guarded where it is
 * written; not for a lock.
 */
import type { FpzkClient, ServiceSubscription, ViewInstance } from "./api.js";

export interface LeaderOptions {
  /**
   * Whether to be leader only while the view is current: nobody leads while the registry cannot be
   * reached, and a side that is cut off from it stops. Default false: who led goes on.
   */
  readonly mustBeCurrent?: boolean;
}

export interface LeaderState {
  /** Whether the own instance is the leader; false until the view is complete. */
  readonly isLeader: boolean;
  /** Undefined when nobody can be called, or the view is not complete. */
  readonly leader: ViewInstance | undefined;
}

export interface Leadership extends LeaderState {
  /**
   * The present state, then every change of `isLeader` or of who leads. Ends when the signal aborts
   * or after `close`.
   */
  changes(options?: { readonly signal?: AbortSignal }): AsyncIterable<LeaderState>;
  /** Idempotent. */
  close(): void;
  [Symbol.dispose](): void;
}

/**
 * Watches who is the oldest instance of a service.
 *
 * @param id - The own instance there, `handle.id`; a process that is none is never leader.
 */
export function watchLeader(
  client: FpzkClient,
  service: string,
  id: string,
  options: LeaderOptions = {},
): Leadership {
  const subscription = client.subscribe(service, { policy: "oldest", panicRatio: 0 });
  return new WatchedLeader(subscription, id, options);
}

class WatchedLeader implements Leadership {
  readonly #subscription: ServiceSubscription;
  readonly #id: string;
  readonly #mustBeCurrent: boolean;

  constructor(subscription: ServiceSubscription, id: string, options: LeaderOptions) {
    this.#subscription = subscription;
    this.#id = id;
    this.#mustBeCurrent = options.mustBeCurrent ?? false;
  }

  get leader(): ViewInstance | undefined {
    const { isComplete, isCurrent } = this.#subscription.status;
    if (!isComplete || (this.#mustBeCurrent && !isCurrent)) return undefined;
    const picked = this.#subscription.pick();
    picked?.release();
    return picked?.instance;
  }

  get isLeader(): boolean {
    return this.leader?.id === this.#id;
  }

  async *changes(options: { signal?: AbortSignal } = {}): AsyncIterable<LeaderState> {
    const changes = this.#subscription.changes(options);
    let told = this.#state();
    yield told;
    for await (const _ of changes) {
      const state = this.#state();
      const isSame = state.isLeader === told.isLeader && state.leader?.id === told.leader?.id;
      if (isSame) continue;
      told = state;
      yield state;
    }
  }

  close(): void {
    this.#subscription.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #state(): LeaderState {
    const { leader } = this;
    return { isLeader: leader?.id === this.#id, leader };
  }
}
