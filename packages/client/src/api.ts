/** The public shapes of FPZKClient. */
import type {
  Endpoint,
  InstanceDescription,
  Liveness,
  PickContext,
  PolicyName,
  ViewInstance,
} from "@fpzk/core";

export interface ConnectOptions {
  /** `host:port` of one or more FPZKServers, or DNS names; more are learned. Default `127.0.0.1:7100`. */
  readonly servers?: readonly string[];
  /** Default `default`. */
  readonly namespace?: string;
  readonly token?: string;
  /** Where this process runs. Default: empty, which is near nothing. */
  readonly region?: string;
  readonly zone?: string;
  /** Speak TLS to the servers; `caFile` trusts a private CA. */
  readonly tls?: { readonly caFile?: string; readonly serverName?: string };
  /** Folder for the last good views, so that a restart during an outage still finds services (P8). */
  readonly snapshotDirectory?: string;
  /** On SIGTERM: drain every registration, close, then exit. Default false. */
  readonly drainsOnSigterm?: boolean;
  /** Longest wait for drain confirmations in ms. Default 10000. */
  readonly drainTimeoutMs?: number;
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

export type EndpointInput = Partial<Endpoint> & Pick<Endpoint, "port">;

/** One registration of this process. It is renewed for as long as the process is connected. */
export interface RegistrationHandle {
  readonly service: string;
  readonly id: string;
  /** `superseded`: another process claimed the id; this one has stopped. */
  readonly status: "registering" | "registered" | "superseded" | "removed";
  update(change: Partial<Omit<Registration, "service" | "id" | "visibility">>): Promise<void>;
  /** Stays registered, is not picked. */
  offline(): Promise<void>;
  online(): Promise<void>;
  /** Resolves when every connected subscriber stopped picking it, or names who did not (P7). */
  drain(options?: { timeoutMs?: number }): Promise<DrainResult>;
  deregister(): Promise<void>;
  /** Resolves when another process took over the id. */
  readonly superseded: Promise<void>;
}

export interface DrainResult {
  readonly confirmedCount: number;
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
  /** Default true. */
  readonly prefersNear?: boolean;
  readonly regionOrder?: readonly string[];
  readonly panicRatio?: number;
}

/** One choice. Call `release` when the call is over, so that least-request knows. */
export interface Picked {
  readonly instance: ViewInstance;
  /** The endpoint for the caller: public ones across regions, internal ones inside. */
  readonly endpoint: Endpoint;
  /** `protocol://host:port` with IPv6 in brackets. */
  readonly url: string;
  /** Idempotent. */
  release(): void;
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

/** A live local view of one service. Reading it never waits. */
export interface ServiceSubscription {
  readonly service: string;
  /** All that match the filter, whatever their state, sorted by id. */
  readonly instances: readonly ViewInstance[];
  readonly status: ViewStatus;
  pick(context?: PickContext): Picked | undefined;
  /** Resolves when the view is complete; rejects with `deadline_exceeded` after `timeoutMs`. */
  ready(options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<void>;
  /** Every change after the call, in order; a reader that lags more than 10,000 gets an error. */
  changes(options?: { signal?: AbortSignal }): AsyncIterable<ViewChange>;
  close(): void;
  [Symbol.dispose]?(): void;
}

/** A program's connection to the registry. */
export interface FpzkClient extends AsyncDisposable {
  readonly clientId: string;
  /** Node this client is connected to now; undefined during an outage. */
  readonly connectedNodeId: string | undefined;
  register(registration: Registration): Promise<RegistrationHandle>;
  subscribe(service: string, options?: SubscribeOptions): ServiceSubscription;
  /** Asks a node once; needs a connection. */
  query(service: string, filter?: Filter): Promise<readonly ViewInstance[]>;
  /** Drains every registration. */
  drain(options?: { timeoutMs?: number }): Promise<DrainResult>;
  /** Deregisters what is left, ends the session. */
  close(): Promise<void>;
}

export type { Endpoint, InstanceDescription, Liveness, PickContext, PolicyName, ViewInstance };
