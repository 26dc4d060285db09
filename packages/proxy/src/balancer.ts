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

  /** @param tried - Instances of this request's earlier attempts. */
  choose(target: RouteTarget, tried: ReadonlySet<string> | undefined): Choice | Problem {
    const watched = this.#ports.subscriptions.get(target, this.#ports.now());
    if (!isWatched(watched)) return watched;
    const picked = watched.subscription.pick({
      ...(target.key === undefined ? {} : { key: target.key }),
      ...(tried === undefined ? {} : { excluded: tried }),
    });
    if (picked === undefined) return unavailable(watched);
    const endpoint = httpEndpoint(picked);
    if (endpoint === undefined) {
      picked.release();
      return {
        code: ErrorCode.unavailable,
        detail: `instance ${picked.instance.id} of ${watched.service} has no http endpoint`,
      };
    }
    return { picked, destination: destinationOf(endpoint), watched };
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

/** The endpoint that was picked when it speaks HTTP, else the first of the same reach that does. */
function httpEndpoint(picked: Picked): Endpoint | undefined {
  if (isHttp(picked.endpoint)) return picked.endpoint;
  const { endpoints } = picked.instance.description;
  return endpoints.find((one) => isHttp(one) && one.reach === picked.endpoint.reach);
}

function isHttp(endpoint: Endpoint): boolean {
  return ["http", "https", "ws", "wss"].includes(endpoint.protocol);
}

function destinationOf({ host, port, protocol, tls }: Endpoint): Destination {
  return { host, port, isTls: tls || protocol === "https" || protocol === "wss" };
}
