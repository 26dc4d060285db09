/**
 * Chooses the instance of each attempt and passes on how it went. What is learned from that lives
 * in the subscription (`ServiceBalancer` of core), the same as in a program that embeds the client.
 *
 * It never waits for discovery: a service whose view is not there yet is `unavailable` now. Only
 * where instances have a bound, and each is full, does a request wait for room (`wait`).
 */
import type { Picked } from "@fpzk/client";
import {
  type BreakerState,
  type CallResult,
  type Endpoint,
  ErrorCode,
  type Instant,
  PLACE_FAILURE_COUNT,
  RouteProtocol,
} from "@fpzk/core";
import type { Destination } from "./call.js";
import {
  type PendingOptions,
  PendingReason,
  type PendingRequest,
  PendingRequests,
} from "./pending-requests.js";
import type { Problem } from "./problem.js";
import type { RouteTarget } from "./route-table.js";
import type { ServiceTraffic } from "./service-traffic.js";
import { isWatched, type SubscriptionTable, type WatchedService } from "./subscription-table.js";

/** What a caller's request asks of an endpoint. */
export type CallKind = "http" | "grpc" | "upgrade" | "tcp";

/** One attempt's instance. {@link Balancer.finish} must be called once when the attempt ended. */
export interface Choice {
  readonly picked: Picked;
  readonly destination: Destination;
  readonly watched: WatchedService;
}

export interface BalancerPorts {
  readonly subscriptions: SubscriptionTable;
  readonly pending: PendingOptions;
  /** A breaker tripped or was reset. */
  readonly onBreaker: (service: string, state: BreakerState) => void;
  /** A request was refused for lack of room. */
  readonly onRefused: (service: string, reason: PendingReason) => void;
  readonly now: () => Instant;
}

export class Balancer {
  readonly #ports: BalancerPorts;
  /** Those of a service with requests that wait. */
  readonly #waited = new Set<WatchedService>();

  constructor(ports: BalancerPorts) {
    this.#ports = ports;
  }

  /** Takes one retry, or hedge, from the budget of a choice's service. */
  tryRetry({ watched }: Choice): boolean {
    return watched.traffic.budget.tryRetry(this.#ports.now());
  }

  /**
   * @param tried - Instances of this request's earlier attempts.
   * @param kind - What the instance must be able to take.
   */
  choose(
    target: RouteTarget,
    tried: ReadonlySet<string> | undefined,
    kind: CallKind = "http",
  ): Choice | Problem {
    const now = this.#ports.now();
    const watched = this.#ports.subscriptions.get(target, now);
    if (!isWatched(watched)) return watched;
    const picked = watched.subscription.pick({
      ...(target.key === undefined ? {} : { key: target.key }),
      ...(tried === undefined
        ? {}
        : { excluded: tried, prefersElsewhere: tried.size >= PLACE_FAILURE_COUNT }),
    });
    if (picked === undefined) return unavailable(watched);
    const endpoint = endpointFor(kind, picked);
    if (endpoint === undefined) {
      picked.release();
      return {
        code: ErrorCode.unavailable,
        detail: `instance ${picked.instance.id} of ${watched.service} has no ${kind} endpoint`,
      };
    }
    const { traffic } = watched;
    traffic.isKnown = true;
    traffic.activeCount += 1;
    // The budget of retries is a share of first attempts.
    if (tried === undefined) traffic.budget.onRequest(now);
    return { picked, destination: destinationOf(kind, endpoint, target.protocol), watched };
  }

  /**
   * Lets a request wait for an instance with room: after {@link choose} found all of them full.
   *
   * @returns A problem when it may not wait.
   */
  wait(target: RouteTarget, request: PendingRequest<Choice>): Problem | undefined {
    const now = this.#ports.now();
    const watched = this.#ports.subscriptions.get(target, now);
    if (!isWatched(watched)) return watched;
    watched.pending ??= this.#pendingOf(watched);
    const problem = watched.pending.add(request, now);
    this.#note(watched, watched.pending);
    return problem;
  }

  /** A request that may wait waits no more. Idempotent. */
  leave(request: PendingRequest<Choice>): void {
    for (const watched of this.#waited) {
      watched.pending?.remove(request);
      if (watched.pending !== undefined) this.#note(watched, watched.pending);
    }
  }

  /** Looks after those who wait; called now and then. */
  sweep(now: Instant): void {
    for (const watched of this.#waited) {
      if (watched.pending === undefined) continue;
      watched.pending.sweep(now);
      this.#note(watched, watched.pending);
    }
  }

  /** Ends an attempt; `undefined` says nothing about the instance. */
  finish(choice: Choice, result: CallResult | undefined): void {
    choice.picked.release(result);
    const { traffic } = choice.watched;
    traffic.activeCount -= 1;
    if (this.#waited.size > 0) this.#serve(traffic);
  }

  /** Routes to one service may have queues of their own, and share its instances. */
  #serve(traffic: ServiceTraffic): void {
    for (const watched of this.#waited) {
      if (watched.traffic.place !== traffic.place || watched.pending === undefined) continue;
      watched.pending.serve();
      this.#note(watched, watched.pending);
    }
  }

  #note(watched: WatchedService, { size }: PendingRequests<Choice>): void {
    watched.traffic.pendingCount += size - watched.pendingCount;
    watched.pendingCount = size;
    if (size > 0) this.#waited.add(watched);
    else this.#waited.delete(watched);
  }

  #pendingOf({ service, pendingOptions }: WatchedService): PendingRequests<Choice> {
    const { pending, onBreaker, onRefused } = this.#ports;
    return new PendingRequests({
      ...pending,
      ...pendingOptions,
      service,
      onState: (state) => onBreaker(service, state),
      onRefused: (reason) => onRefused(service, reason),
    });
  }
}

/** Tells the two results of {@link Balancer.choose} apart. */
export function isChoice(value: Choice | Problem): value is Choice {
  return "picked" in value;
}

function unavailable(watched: WatchedService): Problem {
  const { service, subscription } = watched;
  if (!subscription.status.isComplete) {
    return {
      code: ErrorCode.unavailable,
      detail: `the instances of ${service} are not known yet; try again shortly`,
    };
  }
  if (subscription.isBusy) {
    return {
      code: ErrorCode.resourceExhausted,
      detail: `every instance of ${service} has as many calls as it may have; try again`,
      statusCode: 503,
      reason: PendingReason.busy,
    };
  }
  const count = subscription.instanceCount;
  return {
    code: ErrorCode.unavailable,
    detail:
      count === 0
        ? `service ${service} has no instance`
        : `service ${service} has no instance to call: none of ${count} is up`,
  };
}

/** Endpoints that speak HTTP/1.1. */
const HTTP1_PROTOCOLS: ReadonlySet<string> = new Set(["http", "https", "ws", "wss"]);
/** Endpoints that speak HTTP/2 and nothing else. */
const HTTP2_PROTOCOLS: ReadonlySet<string> = new Set(["h2", "h2c", "grpc", "grpcs"]);
const TLS_PROTOCOLS: ReadonlySet<string> = new Set(["https", "wss", "grpcs", "h2"]);

/**
 * The endpoint that was picked when it fits, else the first of the same reach that does. gRPC
 * takes one of HTTP/2 first, everything else one of HTTP/1.1.
 */
function endpointFor(kind: CallKind, picked: Picked): Endpoint | undefined {
  const { reach } = picked.endpoint;
  const all = [picked.endpoint, ...picked.instance.description.endpoints];
  const near = all.filter((one) => one.reach === reach);
  const http1 = near.find(({ protocol }) => HTTP1_PROTOCOLS.has(protocol));
  if (kind === "upgrade") return http1;
  const http2 = near.find(({ protocol }) => HTTP2_PROTOCOLS.has(protocol));
  if (kind === "tcp") return picked.endpoint;
  return kind === "grpc" ? (http2 ?? http1) : (http1 ?? http2);
}

function destinationOf(
  kind: CallKind,
  { host, port, protocol, tls }: Endpoint,
  asked: RouteProtocol | undefined,
): Destination {
  const isTls = tls || TLS_PROTOCOLS.has(protocol);
  const isAsked = asked === (isTls ? RouteProtocol.h2 : RouteProtocol.h2c);
  // There is no gRPC without HTTP/2, whatever an endpoint calls itself, and no upgrade with it.
  const isHttp2 =
    kind === "grpc" || HTTP2_PROTOCOLS.has(protocol) || (isAsked && kind !== "upgrade");
  return { host, port, isTls, isHttp2 };
}
