/**
 * What a proxy shows of itself for people: the document of `GET /v1/diagnostics`.
 *
 * Made when it is asked for; the request path pays nothing. Bounded: of a large service the
 * instances that stand out come first and the rest is counted. Values of header conditions are left
 * out, for they may be secrets; so is all that a caller sent.
 */
import {
  BreakerState,
  type InstanceStanding,
  InstanceState,
  type Instant,
  Liveness,
  type Route,
} from "@fpzk/core";
import type { RegistryConnection } from "../directory.js";
import type { RoutesInForce } from "../route-follower.js";
import type { WatchedService } from "../subscription-table.js";
import { type TcpRoute, tcpServices } from "../tcp/tcp-route.js";
import type { RecentFailure } from "./recent-failures.js";

/** Instances of one service, and of all together, that one document shows. */
export const SHOWN_INSTANCE_COUNT_MAX = 200;
export const SHOWN_INSTANCE_TOTAL_MAX = 2_000;

/** Milliseconds of this process; `null` where nothing is known. */
export interface InstanceDiagnostics {
  readonly id: string;
  readonly state: string;
  readonly liveness: Liveness;
  readonly region: string;
  readonly zone: string;
  readonly version: string;
  readonly weight: number;
  readonly addresses: readonly string[];
  readonly activeCount: number;
  readonly endedCount: number;
  readonly failedCount: number;
  /** Of the ended calls of all instances of the service, 0 to 1. */
  readonly callRatio: number;
  /** Of recent calls, 0 to 1. */
  readonly failureRatio: number;
  /** Peak EWMA. */
  readonly latencyMs: number;
  readonly latencyP50Ms: number | null;
  readonly latencyP99Ms: number | null;
  readonly slowStartRatio: number;
  readonly ejection: { readonly reason: string; readonly remainingMs: number } | null;
}

export interface ServiceDiagnostics {
  readonly service: string;
  /** Empty: the directory's own. */
  readonly namespace: string;
  readonly policy: string | null;
  readonly filter: object | null;
  /** Named by a route; else a caller named it. */
  readonly isPinned: boolean;
  readonly view: {
    readonly isComplete: boolean;
    readonly isCurrent: boolean;
    readonly isRestored: boolean;
    /** `null`: it never was current. */
    readonly ageMs: number | null;
  };
  readonly instanceCount: number;
  readonly ejectedCount: number;
  /** `tripped` while requests are refused because too many wait for room. */
  readonly breaker: BreakerState;
  /** Requests that wait for an instance with room, by this policy and filter. */
  readonly pendingCount: number;
  /** Retries and hedges that may be made now, of all that goes to the service. */
  readonly retriesLeftCount: number;
  readonly instances: readonly InstanceDiagnostics[];
  /** Instances that are not among {@link instances}. */
  readonly omittedCount: number;
}

export interface RouteDiagnostics {
  readonly name: string | null;
  readonly host: string | null;
  readonly path: string | null;
  readonly pathPrefix: string | null;
  readonly methods: readonly string[];
  readonly headerNames: readonly string[];
  readonly to: readonly { readonly service: string; readonly weight: number }[];
  readonly policy: string | null;
}

export interface Diagnostics {
  readonly version: string;
  /** Of `--workers`, from 1: each has its own view; `null`: there is one process. */
  readonly worker: number | null;
  readonly pid: number;
  /** Wall time, ISO 8601. */
  readonly startedAt: string;
  readonly uptimeMs: number;
  readonly isDraining: boolean;
  /** Why it should get no requests now. */
  readonly unreadyReason: string | null;
  readonly registry: readonly RegistryConnection[];
  readonly routes: {
    readonly own: readonly RouteDiagnostics[];
    readonly sets: readonly {
      readonly name: string;
      /** `incarnation.session.claim` of what is followed; `null`: it is an earlier one. */
      readonly stamp: string | null;
      readonly routes: readonly RouteDiagnostics[];
    }[];
    readonly refusals: readonly { readonly name: string; readonly reason: string }[];
  };
  readonly tcp: readonly {
    readonly port: number;
    readonly services: readonly string[];
    readonly connectionCount: number;
  }[];
  readonly services: readonly ServiceDiagnostics[];
  readonly connections: { readonly http1: number; readonly http2: number };
  readonly activeCount: number;
  readonly upgradedCount: number;
  readonly failures: { readonly count: number; readonly recent: readonly RecentFailure[] };
}

/** What the document is made of. */
export interface DiagnosticsSource
  extends Pick<
    Diagnostics,
    | "version"
    | "worker"
    | "startedAt"
    | "uptimeMs"
    | "isDraining"
    | "unreadyReason"
    | "registry"
    | "connections"
    | "activeCount"
    | "upgradedCount"
    | "failures"
  > {
  readonly routes: RoutesInForce;
  readonly tcp: readonly {
    readonly route: TcpRoute;
    readonly port: number;
    readonly connectionCount: number;
  }[];
  readonly watched: Iterable<WatchedService>;
  readonly now: Instant;
}

export function createDiagnostics(source: DiagnosticsSource): Diagnostics {
  const { routes, tcp, watched, now, ...plain } = source;
  return {
    ...plain,
    pid: process.pid,
    routes: {
      own: routes.own.map(describeRoute),
      sets: routes.sets.map(({ name, stamp, routes: given }) => ({
        ...{ name, routes: given.map(describeRoute) },
        stamp: stamp === undefined ? null : `${stamp.incarnation}.${stamp.session}.${stamp.claim}`,
      })),
      refusals: routes.refusals,
    },
    tcp: tcp.map(({ route, port, connectionCount }) => ({
      ...{ port, connectionCount },
      services: tcpServices(route),
    })),
    services: describeServices(watched, now),
  };
}

function describeRoute(route: Route): RouteDiagnostics {
  const { name, host, path, pathPrefix, methods, headers, service, split, policy } = route;
  return {
    ...{ name: name ?? null, host: host ?? null, path: path ?? null, policy: policy ?? null },
    pathPrefix: pathPrefix ?? null,
    methods: methods ?? [],
    headerNames: (headers ?? []).map((header) => header.name),
    to: split?.map((one) => ({ service: one.service, weight: one.weight })) ?? [
      { service: service ?? "", weight: 1 },
    ],
  };
}

function describeServices(watched: Iterable<WatchedService>, now: Instant): ServiceDiagnostics[] {
  const services = [...watched].sort((a, b) => order(a.service, b.service));
  let leftCount = SHOWN_INSTANCE_TOTAL_MAX;
  return services.map((one) => {
    const described = describeService(one, Math.min(leftCount, SHOWN_INSTANCE_COUNT_MAX), now);
    leftCount -= described.instances.length;
    return described;
  });
}

function describeService(
  watched: WatchedService,
  shownMax: number,
  now: Instant,
): ServiceDiagnostics {
  const { request, subscription, isPinned, service, pending, traffic } = watched;
  const standings = subscription.standings();
  const { ageMs, isComplete, isCurrent, isRestored } = subscription.status;
  const endedCount = standings.reduce((sum, standing) => sum + standing.endedCount, 0);
  const shown = standings.length <= shownMax ? standings : [...standings].sort(byInterest);
  return {
    ...{ service, isPinned, namespace: request.namespace },
    policy: request.policy ?? null,
    filter: request.filter ?? null,
    view: { isComplete, isCurrent, isRestored, ageMs: Number.isFinite(ageMs) ? ageMs : null },
    instanceCount: standings.length,
    ejectedCount: standings.filter(({ ejection }) => ejection !== undefined).length,
    breaker: pending?.isTripped === true ? BreakerState.tripped : BreakerState.reset,
    pendingCount: pending?.size ?? 0,
    retriesLeftCount: traffic.budget.leftCount(now),
    instances: shown.slice(0, shownMax).map((standing) => describeInstance(standing, endedCount)),
    omittedCount: Math.max(0, standings.length - shownMax),
  };
}

function describeInstance(standing: InstanceStanding, endedCount: number): InstanceDiagnostics {
  const { instance, ejection, latencyP50Ms, latencyP99Ms, latencyMs, ...counts } = standing;
  const { region, zone, version, endpoints } = instance.description;
  return {
    ...{ id: instance.id, liveness: instance.liveness, weight: instance.weight },
    ...{ region, zone, version },
    state: STATE_NAMES.get(instance.state) ?? String(instance.state),
    addresses: endpoints.map(({ protocol, host, port }) => `${protocol}://${host}:${port}`),
    ...counts,
    callRatio: endedCount === 0 ? 0 : standing.endedCount / endedCount,
    latencyMs: rounded(latencyMs),
    latencyP50Ms: latencyP50Ms === undefined ? null : rounded(latencyP50Ms),
    latencyP99Ms: latencyP99Ms === undefined ? null : rounded(latencyP99Ms),
    ejection: ejection === undefined ? null : { ...ejection },
  };
}

const STATE_NAMES = new Map<number, string>(
  Object.entries(InstanceState).map(([name, state]) => [state, name]),
);

/** Whoever is out, or under way to be, first; then the busiest. */
function byInterest(a: InstanceStanding, b: InstanceStanding): number {
  return Number(standsOut(b)) - Number(standsOut(a)) || b.activeCount - a.activeCount;
}

function standsOut({ instance, ejection }: InstanceStanding): boolean {
  const { state, liveness } = instance;
  return ejection !== undefined || state !== InstanceState.up || liveness !== Liveness.alive;
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function rounded(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
