/**
 * The services that the proxy watches: those of its routes for as long as it runs, and in dynamic
 * mode those asked for lately, bounded in count and forgotten when idle.
 *
 * Names that prove to be no service are forgotten early and make room first, so that a scan of
 * names cannot keep real services out.
 */
import {
  ErrorCode,
  type Instant,
  isRegistryError,
  type OutlierOptions,
  type RetryBudgetOptions,
} from "@fpzk/core";
import type { Choice } from "./balancer.js";
import type { Directory, DirectorySubscription } from "./directory.js";
import type { PendingOptions, PendingRequests } from "./pending-requests.js";
import type { Problem } from "./problem.js";
import type { RouteTarget } from "./route-table.js";
import { ServiceTraffic, trafficKey } from "./service-traffic.js";

export interface WatchedService {
  readonly service: string;
  readonly request: Pick<SubscriptionRequest, "namespace" | "policy" | "filter">;
  readonly subscription: DirectorySubscription;
  readonly traffic: ServiceTraffic;
  /** Requests that wait for an instance with room; undefined until one does. */
  pending: PendingRequests<Choice> | undefined;
  /** Where its route says so. */
  readonly pendingOptions: Partial<PendingOptions>;
  /** Of those, what {@link traffic} counts. */
  pendingCount: number;
  /** Of a route: not forgotten. */
  isPinned: boolean;
  lastUsed: Instant;
}

export interface SubscriptionTableOptions {
  readonly directory: Directory;
  readonly outlier: OutlierOptions;
  readonly retryBudget: RetryBudgetOptions;
  /** An instance was ejected. */
  readonly onEjection: (service: string, instanceId: string) => void;
  readonly dynamicCountMax: number;
  readonly dynamicIdleMs: number;
}

export type SubscriptionRequest = Pick<
  RouteTarget,
  "service" | "namespace" | "policy" | "filter" | "balancing" | "isDynamic" | "isVersionChosen"
>;

/** A dynamic name without instances is forgotten after this. */
const EMPTY_IDLE_MS = 30_000;

export class SubscriptionTable {
  readonly #options: SubscriptionTableOptions;
  readonly #watched = new Map<string, WatchedService>();
  readonly #traffic = new Map<string, ServiceTraffic>();
  /** Filters and balancing belong to routes: each is written out once, not for every request. */
  readonly #texts = new WeakMap<object, string>();
  #dynamicCount = 0;

  constructor(options: SubscriptionTableOptions) {
    this.#options = options;
  }

  /** Watched services, pinned and dynamic. */
  get size(): number {
    return this.#watched.size;
  }

  /** Each service that is watched. */
  get traffic(): Iterable<ServiceTraffic> {
    return this.#traffic.values();
  }

  /** All that is watched. */
  [Symbol.iterator](): Iterator<WatchedService> {
    return this.#watched.values();
  }

  /** The service's watch, begun now when there was none; a problem when it cannot begin. */
  get(request: SubscriptionRequest, now: Instant): WatchedService | Problem {
    const key = this.#key(request);
    const known = this.#watched.get(key);
    if (known !== undefined) {
      known.lastUsed = now;
      return known;
    }
    const isFull = !isPinned(request) && this.#dynamicCount >= this.#options.dynamicCountMax;
    if (isFull && !this.#forgetOneEmpty()) {
      return {
        code: ErrorCode.resourceExhausted,
        detail:
          `cannot watch ${request.service}: ${this.#dynamicCount} services are watched, ` +
          `at most ${this.#options.dynamicCountMax}`,
        statusCode: 503,
      };
    }
    return this.#begin(key, request, now);
  }

  /**
   * Pins what the routes in force name, and nothing else: what they no longer name is forgotten
   * when it was not used for as long as a service that a caller named.
   */
  pinOnly(requests: readonly SubscriptionRequest[]): void {
    const pinned = new Set(requests.map((request) => this.#key(request)));
    for (const [key, watched] of this.#watched) {
      if (watched.isPinned === pinned.has(key)) continue;
      watched.isPinned = !watched.isPinned;
      this.#dynamicCount += watched.isPinned ? -1 : 1;
    }
  }

  /** Forgets dynamic services that nobody asked for lately. */
  sweep(now: Instant): void {
    for (const [key, watched] of this.#watched) {
      if (watched.isPinned) continue;
      const idleMax = isEmpty(watched)
        ? Math.min(EMPTY_IDLE_MS, this.#options.dynamicIdleMs)
        : this.#options.dynamicIdleMs;
      if (now - watched.lastUsed >= idleMax) this.#forget(key, watched);
    }
  }

  /** Whether the views of all configured routes are complete; the first that is not, else. */
  unready(): string | undefined {
    for (const watched of this.#watched.values()) {
      if (watched.isPinned && !watched.subscription.status.isComplete) return watched.service;
    }
    return undefined;
  }

  close(): void {
    for (const watched of this.#watched.values()) watched.subscription.close();
    this.#watched.clear();
    this.#traffic.clear();
    this.#dynamicCount = 0;
  }

  #key(request: SubscriptionRequest): string {
    const { namespace, service, policy, filter, balancing } = request;
    const filterText = filter === undefined ? "" : this.#textOf(filter);
    const key = `${namespace}\u0001${service}\u0001${policy ?? ""}\u0001${filterText}`;
    return balancing === undefined ? key : `${key}\u0001${this.#textOf(balancing)}`;
  }

  #textOf(words: object): string {
    const known = this.#texts.get(words);
    if (known !== undefined) return known;
    const text = JSON.stringify(words);
    this.#texts.set(words, text);
    return text;
  }

  #begin(key: string, request: SubscriptionRequest, now: Instant): WatchedService | Problem {
    const { outlier, retryBudget, pending, balancing } = this.#wordsOf(request);
    let subscription: DirectorySubscription;
    try {
      subscription = this.#options.directory.subscribe({
        service: request.service,
        namespace: request.namespace,
        outlier,
        ...(balancing === undefined ? {} : { balancing }),
        onEjection: ({ id }) => this.#options.onEjection(request.service, id),
        ...(request.policy === undefined ? {} : { policy: request.policy }),
        ...(request.filter === undefined ? {} : { filter: request.filter }),
      });
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      const code = isRegistryError(error) ? error.code : ErrorCode.unavailable;
      return { code, detail, statusCode: 503 };
    }
    const watched: WatchedService = {
      service: request.service,
      // Not the request itself, which holds more.
      request: { namespace: request.namespace, policy: request.policy, filter: request.filter },
      subscription,
      traffic: this.#trafficOf(request, retryBudget),
      pendingOptions: pending,
      pending: undefined,
      pendingCount: 0,
      isPinned: isPinned(request),
      lastUsed: now,
    };
    this.#watched.set(key, watched);
    if (!watched.isPinned) this.#dynamicCount += 1;
    return watched;
  }

  /** The proxy's own words, and those of the route in their place. */
  #wordsOf({ balancing: own }: SubscriptionRequest) {
    const { outlier, retryBudget } = this.#options;
    if (own === undefined) return { outlier, retryBudget, pending: {}, balancing: undefined };
    const { pendingCallCountMax: countMax, pendingTimeoutMs: timeoutMs, ...rest } = own;
    const { outlier: judged, retryBudget: budget, ...balancing } = rest;
    return {
      outlier: { ...outlier, ...judged },
      retryBudget: { ...retryBudget, ...budget },
      pending: {
        ...(countMax === undefined ? {} : { countMax }),
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      },
      balancing,
    };
  }

  #trafficOf(request: SubscriptionRequest, budget: RetryBudgetOptions): ServiceTraffic {
    const { namespace, service } = request;
    const place = `${namespace}\u0001${service}`;
    const key = trafficKey(place, budget);
    const traffic = this.#traffic.get(key) ?? new ServiceTraffic(place, service, budget);
    this.#traffic.set(key, traffic);
    traffic.watchCount += 1;
    return traffic;
  }

  #forgetOneEmpty(): boolean {
    let oldest: [string, WatchedService] | undefined;
    for (const [key, watched] of this.#watched) {
      if (watched.isPinned || !isEmpty(watched)) continue;
      if (oldest === undefined || watched.lastUsed < oldest[1].lastUsed) oldest = [key, watched];
    }
    if (oldest === undefined) return false;
    this.#forget(...oldest);
    return true;
  }

  #forget(key: string, watched: WatchedService): void {
    watched.subscription.close();
    this.#watched.delete(key);
    this.#dynamicCount -= 1;
    const { traffic } = watched;
    traffic.watchCount -= 1;
    if (traffic.watchCount === 0) this.#traffic.delete(traffic.key);
  }
}

/** Tells the two results of {@link SubscriptionTable.get} apart. */
export function isWatched(value: WatchedService | Problem): value is WatchedService {
  return "subscription" in value;
}

/** What the configuration names is kept; what a caller names, only while it is used. */
function isPinned(request: SubscriptionRequest): boolean {
  return !request.isDynamic && !request.isVersionChosen;
}

function isEmpty(watched: WatchedService): boolean {
  return watched.subscription.instanceCount === 0;
}
