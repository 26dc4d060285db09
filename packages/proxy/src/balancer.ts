/**
 * Chooses the instance of each attempt and passes on how it went. What is learned from that lives
 * in the subscription (`ServiceBalancer` of core), the same as in a program that embeds the client.
 *
 * It never waits: a service whose view is not there yet is `unavailable` now.
 */
import type { Picked } from "@fpzk/client";
import {
  type CallResult,
  type Endpoint,
  ErrorCode,
  type Instant,
  type RetryBudget,
} from "@fpzk/core";
import type { Destination } from "./call.js";
import type { Problem } from "./problem.js";
import type { RouteTarget } from "./route-table.js";
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
  readonly budget: RetryBudget;
  readonly now: () => Instant;
}

export class Balancer {
  readonly #ports: BalancerPorts;

  constructor(ports: BalancerPorts) {
    this.#ports = ports;
  }

  /** Counts a request for the retry budget. */
  onRequest(): void {
    this.#ports.budget.onRequest(this.#ports.now());
  }

  /** Takes one retry from the budget. */
  tryRetry(): boolean {
    return this.#ports.budget.tryRetry(this.#ports.now());
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
    const watched = this.#ports.subscriptions.get(target, this.#ports.now());
    if (!isWatched(watched)) return watched;
    const picked = watched.subscription.pick({
      ...(target.key === undefined ? {} : { key: target.key }),
      ...(tried === undefined ? {} : { excluded: tried }),
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
    return { picked, destination: destinationOf(kind, endpoint), watched };
  }

  /** Ends an attempt; `undefined` says nothing about the instance. */
  finish(choice: Choice, result: CallResult | undefined): void {
    choice.picked.release(result);
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

function destinationOf(kind: CallKind, { host, port, protocol, tls }: Endpoint): Destination {
  // There is no gRPC without HTTP/2, whatever an endpoint calls itself.
  const isHttp2 = kind === "grpc" || HTTP2_PROTOCOLS.has(protocol);
  return { host, port, isTls: tls || TLS_PROTOCOLS.has(protocol), isHttp2 };
}
