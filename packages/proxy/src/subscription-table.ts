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
import type { PendingRequests } from "./pending-requests.js";
import type { Problem } from "./problem.js";
import type { RouteTarget } from "./route-table.js";
import { ServiceTraffic } from "./service-traffic.js";

export interface WatchedService {
  readonly service: string;
  readonly request: Pick<SubscriptionRequest, "namespace" | "policy" | "filter">;
  readonly subscription: DirectorySubscription;
  readonly traffic: ServiceTraffic;
  /** Requests that wait for an instance with room; undefined until one does. */
  pending: PendingRequests<Choice> | undefined;
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
  "service" | "namespace" | "policy" | "filter" | "isDynamic" | "isVersionChosen"
>;

/** A dynamic name without instances is forgotten after this. */
const EMPTY_IDLE_MS = 30_000;

export class SubscriptionTable {
  readonly #options: SubscriptionTableOptions;
  readonly #watched = new Map<string, WatchedService>();
  readonly #traffic = new Map<string, ServiceTraffic>();
  /** Filters belong to routes: each is written out once and not for every request. */
  readonly #filterTexts = new WeakMap<object, string>();
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
    const { namespace, service, policy, filter } = request;
    const filterText = filter === undefined ? "" : this.#filterText(filter);
    return `${namespace}\u0001${service}\u0001${policy ?? ""}\u0001${filterText}`;
  }

  #filterText(filter: object): string {
    const known = this.#filterTexts.get(filter);
    if (known !== undefined) return known;
    const text = JSON.stringify(filter);
    this.#filterTexts.set(filter, text);
    return text;
  }

  #begin(key: string, request: SubscriptionRequest, now: Instant): WatchedService | Problem {
    let subscription: DirectorySubscription;
    try {
      subscription = this.#options.directory.subscribe({
        service: request.service,
        namespace: request.namespace,
        outlier: this.#options.outlier,
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
      traffic: this.#trafficOf(request),
      pending: undefined,
      pendingCount: 0,
      isPinned: isPinned(request),
      lastUsed: now,
    };
    this.#watched.set(key, watched);
    if (!watched.isPinned) this.#dynamicCount += 1;
    return watched;
  }

  #trafficOf(request: SubscriptionRequest): ServiceTraffic {
    const { namespace, service } = request;
    const key = `${namespace}\u0001${service}`;
    const { retryBudget } = this.#options;
    const traffic = this.#traffic.get(key) ?? new ServiceTraffic(key, service, retryBudget);
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
