/**
 * Chooses the instance of each attempt and learns from how it went.
 *
 * It never waits: a service whose view is not there yet is `unavailable` now.
 */
import type { Picked } from "@fpzk/client";
import { type Endpoint, ErrorCode, type Instant } from "@fpzk/core";
import type { CallResult } from "./outlier-detector.js";
import type { Problem } from "./problem.js";
import type { RetryBudget } from "./retry-budget.js";
import type { RouteTarget } from "./route-table.js";
import { isWatched, type SubscriptionTable, type WatchedService } from "./subscription-table.js";

/** One attempt's instance. {@link Balancer.finish} must be called once when the attempt ended. */
export interface Choice {
  readonly picked: Picked;
  /** `http://host:port` or `https://host:port`. */
  readonly origin: string;
  readonly endpoint: Endpoint;
  readonly watched: WatchedService;
}

export interface BalancerPorts {
  readonly subscriptions: SubscriptionTable;
  readonly budget: RetryBudget;
  readonly now: () => Instant;
  /** An instance was ejected. */
  readonly onEjection: (service: string, instanceId: string) => void;
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
    const now = this.#ports.now();
    const watched = this.#ports.subscriptions.get(target, now);
    if (!isWatched(watched)) return watched;
    const ejected = watched.detector.ejected(now);
    const picked = watched.subscription.pick({
      ...(target.key === undefined ? {} : { key: target.key }),
      ...excludedOf(ejected, tried),
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
    return { picked, origin: originOf(endpoint), endpoint, watched };
  }

  /** Ends an attempt; `undefined` says nothing about the instance. */
  finish(choice: Choice, result: CallResult | undefined): void {
    choice.picked.release();
    if (result === undefined) return;
    const { watched, picked } = choice;
    const count = watched.subscription.instanceCount;
    const isEjected = watched.detector.onResult(
      picked.instance.id,
      result,
      count,
      this.#ports.now(),
    );
    if (isEjected) this.#ports.onEjection(watched.service, picked.instance.id);
  }
}

/** Tells the two results of {@link Balancer.choose} apart. */
export function isChoice(value: Choice | Problem): value is Choice {
  return "picked" in value;
}

function excludedOf(
  ejected: ReadonlySet<string>,
  tried: ReadonlySet<string> | undefined,
): { excluded?: ReadonlySet<string> } {
  if (tried === undefined || tried.size === 0)
    return ejected.size === 0 ? {} : { excluded: ejected };
  return { excluded: ejected.size === 0 ? tried : new Set([...ejected, ...tried]) };
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

function originOf(endpoint: Endpoint): string {
  const isTls = endpoint.tls || endpoint.protocol === "https" || endpoint.protocol === "wss";
  const host = endpoint.host.includes(":") ? `[${endpoint.host}]` : endpoint.host;
  return `${isTls ? "https" : "http"}://${host}:${endpoint.port}`;
}
