/**
 * The public shapes of FPZKClient.
 *
 * Every option says its unit and default. Faults of the outside world are `RegistryError`s: switch
 * on `code`.
 */
import type {
  BreakerState,
  CallResult,
  Endpoint,
  InstanceDescription,
  InstanceStanding,
  Liveness,
  OutlierOptions,
  PickContext,
  PolicyName,
  RetryBudgetOptions,
  RetryCause,
  Route,
  Stamp,
  ViewInstance,
} from "@fpzk/core";

export interface ConnectOptions {
  /**
   * `host:port` of one or more FPZKServers; the port is 7100 where it is left out. A DNS name
   * stands for all of its addresses; other servers are learned from the first that answers.
   * Default `["127.0.0.1:7100"]`.
   */
  readonly servers?: readonly string[];
  /** Default `default`. */
  readonly namespace?: string;
  /** What the servers ask for, if they do. Default: none. */
  readonly token?: string;
  /** Where this process runs: same zone, then same region are near. Default: empty. */
  readonly region?: string;
  readonly zone?: string;
  /** Names this process to people. Default: random. */
  readonly clientId?: string;
  /** Speak TLS to the servers; `caFile` trusts a private CA. */
  readonly tls?: { readonly caFile?: string; readonly serverName?: string };
  /** Folder for the last good views, so that a restart during an outage still finds services (P8). */
  readonly snapshotDirectory?: string;
  /**
   * On SIGTERM: drain every registration, let what is in work finish, close, then exit. Default
   * false.
   */
  readonly drainsOnSigterm?: boolean;
  /**
   * With `drainsOnSigterm`: how long this process still serves after its drain is confirmed, for
   * requests that were on their way by then, in ms. Default 1000.
   */
  readonly lingerMs?: number;
  /**
   * With `drainsOnSigterm`: ends what is in work at servers other than those of `node:http`; called
   * once the drain is confirmed and the linger over, and awaited for up to 15 s. Default: nothing.
   */
  readonly finish?: () => Promise<unknown>;
  /**
   * How this program calls services, by name: for `fetch` and the other integrations, which share
   * one subscription per service. Default: every service by the defaults of {@link ServiceOptions}.
   */
  readonly services?: Readonly<Record<string, ServiceOptions>>;
  /** Longest wait for drain confirmations in ms. Default 10000. */
  readonly drainTimeoutMs?: number;
  /** How long `connect` looks for a server, in ms. Default 10000. */
  readonly connectTimeoutMs?: number;
  /** Until a request (register, update, query, …) fails, in ms. Default 5000. */
  readonly requestTimeoutMs?: number;
  /** Ends `connect` early. */
  readonly signal?: AbortSignal;
  /** What happens, for logs. Default: nothing. Also on `node:diagnostics_channel` `fpzk:client`. */
  readonly onNote?: (note: ClientNote) => void;
}

export interface ClientNote {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly event: string;
  readonly fields: Readonly<Record<string, string | number | boolean>>;
}

/** What a program says when it registers; what is left out has its default. */
export interface Registration {
  readonly service: string;
  /** Default: made from the first endpoint, `host:port`, or a random id. */
  readonly id?: string;
  readonly endpoints: readonly EndpointInput[];
  readonly group?: string;
  readonly version?: string;
  readonly weight?: number;
  readonly metadata?: Readonly<Record<string, string>>;
  /** `region` keeps it from other regions. Default `global`. */
  readonly visibility?: "global" | "region";
  /** Default `up`; `offline` registers without being picked. */
  readonly state?: "up" | "offline";
}

/**
 * `port` is needed. Defaults: `protocol` `http`, `tls` false, `reach` `internal`, `host` the local
 * address that this process reaches the registry from.
 */
export type EndpointInput = Partial<Endpoint> & Pick<Endpoint, "port">;

export interface RequestOptions {
  /** Default: `requestTimeoutMs` of `connect`. Infinity waits out any outage. */
  readonly timeoutMs?: number;
}

/** One registration of this process. It is renewed for as long as the process is connected. */
export interface RegistrationHandle {
  readonly service: string;
  readonly id: string;
  /** `superseded`: another process claimed the id; this one has stopped. */
  readonly status: "registering" | "registered" | "superseded" | "removed";
  /** Replaces what is given and keeps the rest. */
  update(
    change: Partial<Omit<Registration, "service" | "id" | "visibility">>,
    options?: RequestOptions,
  ): Promise<void>;
  /** Stays registered, is not picked. */
  offline(options?: RequestOptions): Promise<void>;
  /** Undoes `offline` and `drain`. */
  online(options?: RequestOptions): Promise<void>;
  /** Resolves when every connected subscriber stopped picking it, or names who did not (P7). */
  drain(options?: { readonly timeoutMs?: number }): Promise<DrainResult>;
  /** Idempotent. */
  deregister(options?: RequestOptions): Promise<void>;
  /** Resolves when another process took over the id. */
  readonly superseded: Promise<void>;
}

export interface DrainResult {
  /** Subscribers that no longer pick it. */
  readonly confirmedCount: number;
  /** `nodeId` or `nodeId/clientId` of those that did not confirm in time. Empty: all did. */
  readonly unconfirmed: readonly string[];
}

export interface Filter {
  /** Exact match, each; absent matches all. */
  readonly group?: string;
  readonly version?: string;
  readonly region?: string;
  readonly zone?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface SubscribeOptions {
  readonly filter?: Filter;
  /** Default `round-robin`. */
  readonly policy?: PolicyName;
  /** Pick only endpoints that speak it, and instances that have one. Default: the first endpoint. */
  readonly protocol?: string;
  /** Same zone, then same region, then others. Default true. */
  readonly prefersNear?: boolean;
  /** Regions after the own one in order of failover; the others come last. Default: none. */
  readonly regionOrder?: readonly string[];
  /** Below this share (0 to 1) of healthy instances health is ignored. Default 0.5. */
  readonly panicRatio?: number;
  /**
   * For policies by key: no instance takes more than this times its fair share of the calls under
   * way, 1.05 to 100; 0 for no bound. Default 0.
   */
  readonly keyLoadFactor?: number;
  /** When failing instances are left out for a while, see {@link OutlierOptions}. */
  readonly outlier?: Partial<OutlierOptions>;
  /** How many retries may be added to the load, see {@link RetryBudgetOptions}. */
  readonly retryBudget?: Partial<RetryBudgetOptions>;
  /** Over this a new or returning instance comes to its share of the load. Default 10000. */
  readonly slowStartMs?: number;
  /**
   * Calls of this process under way at one instance; more go to others. Needs every call to be
   * released. Default: no bound.
   */
  readonly instanceCallCountMax?: number;
  /** Calls that may wait in `acquire`, 0 to 100000. Default 1000. */
  readonly pendingCallCountMax?: number;
  /**
   * Connects to a stable part of the instances, the same size for every caller, so that all of them
   * get the same load. For services of hundreds of instances with hundreds of callers; not for
   * policies by key. Default: to all.
   */
  readonly aperture?: ApertureOptions;
  /** An instance was ejected: too many of its calls failed. */
  readonly onEjection?: (instance: ViewInstance) => void;
}

/** How long a call may take, and what is tried again. */
export interface CallOptions {
  /**
   * Until the answer is complete, from the call on, whatever is tried again; 1 to 86400000, or
   * Infinity for answers without end. Default 30000.
   */
  readonly timeoutMs?: number;
  /** Until an instance begins to answer. Default: as long as the call may take. */
  readonly attemptTimeoutMs?: number;
  /** Further attempts, each on another instance and within the retry budget; 0 to 5. Default 1. */
  readonly retryCount?: number;
  /**
   * What is tried again: `connect-failure` for every call, since nothing was sent; the others for
   * calls that may be made twice (GET, HEAD, OPTIONS, PUT, DELETE). Never where the body was a
   * stream. Default `connect-failure` and `reset`.
   */
  readonly retryOn?: readonly RetryCause[];
}

/** How a program calls a service, whatever it calls it with. `protocol` is `http` by default. */
export interface ServiceOptions extends SubscribeOptions, CallOptions {}

/** What `fetch` knows, and what is said of one call. */
export interface FetchInit extends RequestInit, CallOptions {
  /** For policies by key: equal keys go to the same instance. */
  readonly key?: string;
  /**
   * When the request that this call is made for is over, by `performance.now()`: the call ends
   * then at the latest. `deadlineOf` reads it. Default: none.
   */
  readonly deadline?: number;
}

/** Picks for calls to one service: what all integrations are made of. */
export interface ServiceCaller {
  readonly service: string;
  readonly subscription: ServiceSubscription;
  /**
   * Those of the service, with what is said of one call.
   *
   * @throws RegistryError `invalid_argument` with every fault.
   */
  callOptions(own?: CallOptions): Required<CallOptions>;
  /**
   * An instance for a call; waits until the view is complete, and until one has room.
   *
   * @throws RegistryError as `ready` and `acquire` of a subscription do.
   */
  first(
    context: PickContext,
    wait: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<Picked>;
  /** Another instance, if there is one and the retry budget has something left. Never waits. */
  again(context: PickContext & { readonly excluded: ReadonlySet<string> }): Picked | undefined;
}

/** One call: tell how it went when it is over, and later picks will know. */
export interface Picked {
  readonly instance: ViewInstance;
  /** The endpoint for the caller: public ones across regions, internal ones inside. */
  readonly endpoint: Endpoint;
  /** `protocol://host:port` with IPv6 in brackets. */
  readonly url: string;
  /** The answer began: what follows is its length and no latency. Without it `release` counts. */
  answered(): void;
  /**
   * The call is over. Without a result nothing is learned but that it is. Idempotent: the first
   * counts.
   */
  release(result?: CallResult): void;
}

export type ViewChange =
  | { readonly type: "added" | "updated"; readonly instance: ViewInstance }
  | { readonly type: "removed"; readonly instance: ViewInstance; readonly reason: string }
  /** The view became complete, or the connection was lost or restored. */
  | { readonly type: "status"; readonly status: ViewStatus };

export interface ViewStatus {
  /** A complete answer was received at least once (or restored from disk). */
  readonly isComplete: boolean;
  /** The session is live and the digest of the view equals the node's. */
  readonly isCurrent: boolean;
  /** Restored from disk and not yet confirmed by a node. */
  readonly isRestored: boolean;
  /** Milliseconds since the view was last known to be current; 0 while it is. */
  readonly ageMs: number;
}

export interface AcquireOptions extends PickContext {
  /** Default 5000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A large caller's part of a large service, see {@link SubscribeOptions.aperture}. */
export interface ApertureOptions {
  /** The caller's own service: all its instances share the load. */
  readonly service: string;
  /** The caller's own instance there. Until it is seen, all instances are called. */
  readonly id: string;
  /** Instances of each place to connect to at least. Default 12. */
  readonly sizeMin?: number;
}

/** A live local view of one service. Reading it never waits. */
export interface ServiceSubscription {
  readonly service: string;
  /** All that match the filter, whatever their state, sorted by id. */
  readonly instances: readonly ViewInstance[];
  readonly status: ViewStatus;
  /** What this process's calls taught of each of {@link instances}, for people to look at. */
  standings(): readonly InstanceStanding[];
  /** One instance that may be called, or undefined when there is none, or none has room. */
  pick(context?: PickContext): Picked | undefined;
  /**
   * As {@link pick}, and waits in turn while no instance has room (`instanceCallCountMax`).
   *
   * @throws RegistryError `unavailable` when there is no instance, `resource_exhausted` when as many
   * wait as may, `deadline_exceeded` after the timeout, `cancelled` by the signal or `close`.
   */
  acquire(options?: AcquireOptions): Promise<Picked>;
  /** There are instances to call, but none has room (`instanceCallCountMax`). */
  readonly isBusy: boolean;
  /** `tripped` while `acquire` refuses, because as many calls wait as may. */
  readonly breaker: BreakerState;
  /**
   * After so much without an answer a second call, elsewhere, is worth it: what 95 of 100 calls
   * stay below. Undefined until a hundred succeeded. For calls that may be made twice; ask
   * `tryRetry` too.
   */
  readonly hedgeDelayMs: number | undefined;
  /**
   * Asks to call once more, elsewhere (`excluded`), because a call failed or takes long: takes one
   * from the retry budget. False when it is used up: then let the failure stand.
   */
  tryRetry(): boolean;
  /**
   * Resolves when the view is complete. Rejects with `deadline_exceeded` after `timeoutMs`
   * (default 10000), or with the code of a refusal.
   */
  ready(options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<void>;
  /**
   * Every change after the call, in order. Ends when the signal aborts or the subscription closes;
   * a reader that lags more than 10,000 changes gets `resource_exhausted`.
   */
  changes(options?: { readonly signal?: AbortSignal }): AsyncIterable<ViewChange>;
  /** Idempotent. */
  close(): void;
  [Symbol.dispose](): void;
}

/** Named routes of a namespace, as operators wrote them. */
export interface RouteSet {
  readonly name: string;
  /** Orders what was written under one name. */
  readonly stamp: Stamp;
  /** All of them right; empty when there is a fault. */
  readonly routes: readonly Route[];
  readonly note?: string;
  /** Why this version cannot read the routes. */
  readonly fault?: string;
}

/** A live view of the route sets of a namespace. Reading it never waits. */
export interface RouteSetWatch {
  /** By name. */
  readonly routeSets: readonly RouteSet[];
  readonly status: ViewStatus;
  /** Idempotent. */
  close(): void;
  [Symbol.dispose](): void;
}

/** A program's connection to the registry. */
export interface FpzkClient {
  readonly clientId: string;
  readonly namespace: string;
  /** Node this client is connected to now; undefined during an outage. */
  readonly connectedNodeId: string | undefined;
  /**
   * Resolves when a node has taken it. From then on it is renewed, and registered again wherever
   * this process connects to, until `deregister` or `close`.
   */
  register(registration: Registration, options?: RequestOptions): Promise<RegistrationHandle>;
  /** A live view; subscriptions to one service share what is received. */
  subscribe(service: string, options?: SubscribeOptions): ServiceSubscription;
  /**
   * `fetch` of `fpzk://service/path?query`: picks an instance, calls the global `fetch`, tells the
   * balancer how it went, and tries again elsewhere where that is safe.
   *
   * @throws RegistryError `unavailable` when there is no instance or none answered,
   * `deadline_exceeded`, `cancelled` by the signal (its reason is the cause), `resource_exhausted`
   * when too many calls wait for room, `invalid_argument` for a wrong address or option. A broken
   * answer's body rejects with the same codes.
   */
  fetch(url: string | URL, init?: FetchInit): Promise<Response>;
  /**
   * What `fetch` and the other integrations call a service with; made once for each service and
   * protocol (`http` by default), ended with the client.
   */
  caller(service: string, protocol?: string): ServiceCaller;
  /**
   * Watches the route sets of the namespace; `onChange` is called after each change of them or of
   * the status. A server of an earlier version is not asked: what was known then stays.
   */
  watchRouteSets(onChange: () => void): RouteSetWatch;
  /** Asks a node once; needs a connection. */
  query(
    service: string,
    filter?: Filter,
    options?: RequestOptions,
  ): Promise<readonly ViewInstance[]>;
  /** Drains every registration. Never rejects: what failed is named in `unconfirmed`. */
  drain(options?: { readonly timeoutMs?: number }): Promise<DrainResult>;
  /** Deregisters what is left, ends the session. Idempotent. */
  close(): Promise<void>;
  /** `close`. */
  [Symbol.asyncDispose](): Promise<void>;
}

export type {
  BreakerState,
  CallResult,
  Endpoint,
  InstanceDescription,
  Liveness,
  OutlierOptions,
  PickContext,
  PolicyName,
  RetryBudgetOptions,
  RetryCause,
  ViewInstance,
};
