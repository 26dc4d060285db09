/**
 * What a route is: which requests it takes, and where and how they go. Data only: written in a
 * configuration or kept in the registry, checked by `check-routes.ts`, looked up by
 * `route-table.ts`.
 */
import type { Filter } from "../pick/filter.js";
import type { PolicyName } from "../pick/picker.js";
import type { RouteBalancing } from "./route-balancing.js";

/** Instances that requests may go to. */
export interface Destination {
  readonly service: string;
  /** Default: that of whoever holds the table. Not allowed in a route set: it has its own. */
  readonly namespace?: string;
  /** Only these of the service's instances. Default: all. */
  readonly filter?: Filter;
}

/** One share of a split. */
export interface WeightedDestination extends Destination {
  /** Share of the requests, relative to the sum over the split; 0 to {@link SPLIT_WEIGHT_MAX}. */
  readonly weight: number;
}

/** A header field that a request must carry; with neither `exact` nor `prefix`, in any form. */
export interface HeaderCondition {
  /** In any case. Of a field that comes several times, the first counts. */
  readonly name: string;
  /** The whole value. */
  readonly exact?: string;
  /** The start of the value. */
  readonly prefix?: string;
}

/** What may be tried again on another instance; only for requests that may be repeated. */
export const RetryCause = {
  /** No connection came about: the request reached nobody. */
  connectFailure: "connect-failure",
  /** The connection broke before an answer began. */
  reset: "reset",
  /** The instance answered 500. */
  internalError: "500",
  /** The instance answered 502. */
  badGateway: "502",
  /** The instance answered 503. */
  unavailable: "503",
  /** The instance answered 504. */
  gatewayTimeout: "504",
} as const;
export type RetryCause = (typeof RetryCause)[keyof typeof RetryCause];

/** A second attempt while the first has not answered; for requests that may be repeated. */
export interface Hedge {
  /** Until the next attempt begins; 1 to {@link ROUTE_TIMEOUT_MAX_MS}. Exactly one of the two. */
  readonly afterMs?: number;
  /** `p95`: after the time that 95 of 100 answers came within; none until a hundred did. */
  readonly after?: typeof HEDGE_AFTER_P95;
  /** Further attempts at the same time; 1 to {@link HEDGE_COUNT_MAX}. Default 1. */
  readonly countMax?: number;
}

/** {@link Hedge} with its defaults. */
export interface ChosenHedge {
  /** Undefined: as observed, see {@link Hedge.after}. */
  readonly afterMs: number | undefined;
  readonly countMax: number;
}

/** How instances are spoken to whose endpoint says `http` or `https` and no version. */
export const RouteProtocol = {
  /** HTTP/2 in clear, to endpoints of `http`. */
  h2c: "h2c",
  /** HTTP/2 over TLS, to endpoints of `https`. */
  h2: "h2",
} as const;
export type RouteProtocol = (typeof RouteProtocol)[keyof typeof RouteProtocol];

/** A copy of some requests, whose answers nobody sees. */
export interface Mirror extends Destination {
  /** Share of the requests, above 0 to 100. Default 100. */
  readonly percent?: number;
}

/** One rule: what matches goes to `service`, or is split. */
export interface Route {
  /** For logs, metrics and messages. Default: what it takes, see `route-label.ts`. */
  readonly name?: string;
  /**
   * Host name without port, any case; `*.example.com` takes exactly one label in place of the
   * star. Absent for every host.
   */
  readonly host?: string;
  /** The whole path. Not together with `pathPrefix`. */
  readonly path?: string;
  /** Begins with `/`; matches whole segments. Default `/`. */
  readonly pathPrefix?: string;
  /** Default: any. */
  readonly methods?: readonly string[];
  /** All of them must hold. Default: none. */
  readonly headers?: readonly HeaderCondition[];
  /** Where requests go. Exactly one of `service` and `split`. */
  readonly service?: string;
  readonly namespace?: string;
  readonly filter?: Filter;
  /** Where requests go, by weight. `namespace` and `filter` then stand within it. */
  readonly split?: readonly WeightedDestination[];
  /** Requests of equal key stay on one side of the split; see `key-source.ts`. Default: by chance. */
  readonly splitKey?: string;
  /** Whether `x-fpzk-version` chooses the version of the instances. Default false: it is ignored. */
  readonly allowsVersion?: boolean;
  /** How an instance is chosen. Default: that of the directory. */
  readonly policy?: PolicyName;
  /** Where it differs from what the proxy does otherwise. Default: it does not. */
  readonly balancing?: RouteBalancing;
  /** What policies of affinity go by; see `key-source.ts`. Default: none. */
  readonly key?: string;
  /** Removes the prefix from the path that the instance sees. Default false. */
  readonly stripPrefix?: boolean;
  /** Puts this in place of the prefix. Not together with `stripPrefix`. */
  readonly replacePrefix?: string;
  /** The host that the instance sees. Default: as it came. */
  readonly rewriteHost?: string;
  /** Until the answer's header, over all attempts. Default: that of the proxy. */
  readonly timeoutMs?: number;
  /**
   * Until one instance begins to answer; then another may be tried, as after a reset. Default: as
   * long as the request may take.
   */
  readonly attemptTimeoutMs?: number;
  /** Default: HTTP/1.1, unless the endpoint says otherwise. */
  readonly protocol?: RouteProtocol;
  /** Further instances to try; 0 to {@link RETRY_COUNT_MAX}, default 1. */
  readonly retryCount?: number;
  /** Default: `connect-failure` and `reset`. */
  readonly retryOn?: readonly RetryCause[];
  readonly hedge?: Hedge;
  readonly mirror?: Mirror;
}

export const RETRY_COUNT_DEFAULT = 1;
export const RETRY_COUNT_MAX = 5;
export const RETRY_ON_DEFAULT: readonly RetryCause[] = [
  RetryCause.connectFailure,
  RetryCause.reset,
];
export const HEDGE_COUNT_MAX = 3;
export const HEDGE_AFTER_P95 = "p95";
export const ROUTE_TIMEOUT_MAX_MS = 86_400_000;
/** As in a weight of an instance: enough for a hundredth of a percent. */
export const SPLIT_WEIGHT_MAX = 10_000;

/** How the answers of several instances become one. */
export interface FanOut {
  /** `all`, `any`, or how many. `majority` needs the count of instances, hence a word of its own. */
  readonly quorum: "all" | "any" | "majority" | number;
}

/** A destination with its defaults. */
export interface ChosenPlace {
  readonly service: string;
  /** Empty: that of whoever holds the table. */
  readonly namespace: string;
  readonly filter: Filter | undefined;
}

/** What becomes of one request. */
export interface RouteTarget extends ChosenPlace {
  /** For logs and metrics. */
  readonly routeName: string;
  readonly policy: PolicyName | undefined;
  readonly balancing: RouteBalancing | undefined;
  /** What the instance is chosen by, for policies of affinity. */
  readonly key: string | undefined;
  /** Path and query for the instance. */
  readonly path: string;
  /** Host for the instance; undefined: as it came. */
  readonly host: string | undefined;
  readonly retryCount: number;
  readonly retryOn: ReadonlySet<RetryCause>;
  readonly timeoutMs: number | undefined;
  readonly attemptTimeoutMs: number | undefined;
  readonly protocol: RouteProtocol | undefined;
  readonly hedge: ChosenHedge | undefined;
  /** Where a copy of this request goes. */
  readonly mirror: ChosenPlace | undefined;
  /** All instances are asked, not one. */
  readonly fanOut: FanOut | undefined;
  /** The caller named the service: nothing of it is kept for longer than it is used. */
  readonly isDynamic: boolean;
  /** The caller chose the version: as for `isDynamic`, but the service is known. */
  readonly isVersionChosen: boolean;
}

/** What a table needs to know of a request. */
export interface RouteQuery {
  /** As sent: methods differ by case. */
  readonly method: string;
  /** The host field, or the authority of an absolute target; may hold a port. */
  readonly host: string;
  /** Origin form: path and query. */
  readonly path: string;
  /** Address of the caller, for keys; empty when it is not known. */
  readonly clientAddress: string;
  /** The first value of a field. @param name - In lower case. */
  header(name: string): string | undefined;
}

export type RouteMatch =
  | { readonly type: "target"; readonly target: RouteTarget }
  | { readonly type: "none" }
  /** The request itself is wrong; `message` says how. */
  | { readonly type: "invalid"; readonly message: string };

/** Where a request goes: a pure function of the request, and of chance where a route splits. */
export interface RouteTable {
  match(query: RouteQuery): RouteMatch;
}
