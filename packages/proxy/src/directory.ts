/**
 * The proxy's view of discovery: a tiny port, so that the request path can be tested without a
 * registry and never learns of sessions, nodes or records.
 */
import type {
  Filter,
  FpzkClient,
  Picked,
  RouteSetWatch,
  SubscribeOptions,
  ViewStatus,
} from "@fpzk/client";
import {
  ErrorCode,
  type InstanceStanding,
  type OutlierOptions,
  type PickContext,
  type PolicyName,
  RegistryError,
  type ViewInstance,
} from "@fpzk/core";

/** A live local view of one service. Reading it never waits. */
export interface DirectorySubscription {
  pick(context?: PickContext): Picked | undefined;
  /** There are instances to call, but each has as many calls as it may have. */
  readonly isBusy: boolean;
  /** What 95 of 100 answers came within; undefined while too little is known. */
  readonly hedgeDelayMs: number | undefined;
  /** Instances in the view, whatever their state. */
  readonly instanceCount: number;
  readonly status: ViewStatus;
  /** What calls taught of each instance, for people to look at. */
  standings(): readonly InstanceStanding[];
  /** Resolves when the view is complete; rejects on the timeout or the signal. */
  ready(options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<void>;
  close(): void;
}

export interface DirectoryRequest {
  readonly service: string;
  /** Empty for the directory's own. */
  readonly namespace: string;
  readonly policy?: PolicyName;
  readonly filter?: Filter;
  /** Replaces what the directory does otherwise. */
  readonly balancing?: DirectoryBalancing;
  /** Default: the subscription's. */
  readonly outlier?: OutlierOptions;
  readonly onEjection?: (instance: ViewInstance) => void;
}

/** One connection to the registry. */
export interface RegistryConnection {
  readonly namespace: string;
  /** The node it is connected to now; `null` during an outage. */
  readonly nodeId: string | null;
}

/** Where the proxy learns of instances. */
export interface Directory {
  /** @throws RegistryError `not_found` when the namespace is not served by this directory. */
  subscribe(request: DirectoryRequest): DirectorySubscription;
  /** Route sets of its own namespace. Absent: it knows of none. */
  watchRouteSets?(onChange: () => void): RouteSetWatch;
  /** For people to look at. Absent: there is no registry behind it. */
  registryConnections?(): readonly RegistryConnection[];
}

/** How all subscriptions of a directory balance; each as in {@link SubscribeOptions}. */
export type DirectoryBalancing = Pick<
  SubscribeOptions,
  | "prefersNear"
  | "regionOrder"
  | "slowStartMs"
  | "keyLoadFactor"
  | "panicRatio"
  | "instanceCallCountMax"
>;

export interface ClientDirectoryOptions {
  /** One client for each other namespace that routes name. Default: none. */
  readonly byNamespace?: ReadonlyMap<string, FpzkClient>;
  /** Default: those of `subscribe`. */
  readonly balancing?: DirectoryBalancing;
}

/**
 * A directory over FPZKClients.
 *
 * @param client - Serves routes without a namespace.
 */
export function directoryFromClient(
  client: FpzkClient,
  { byNamespace = new Map(), balancing = {} }: ClientDirectoryOptions = {},
): Directory {
  return {
    watchRouteSets: (onChange) => client.watchRouteSets(onChange),
    registryConnections: () =>
      [...new Set([client, ...byNamespace.values()])].map(({ namespace, connectedNodeId }) => ({
        ...{ namespace, nodeId: connectedNodeId ?? null },
      })),
    subscribe(request) {
      const chosen = request.namespace === "" ? client : byNamespace.get(request.namespace);
      if (chosen === undefined) {
        throw new RegistryError(
          ErrorCode.notFound,
          `subscribe to ${request.service}: no client for namespace "${request.namespace}"; ` +
            `known: ${[...byNamespace.keys()].join(", ") || "none but the default"}`,
        );
      }
      const subscription = chosen.subscribe(request.service, {
        ...balancing,
        ...request.balancing,
        ...(request.policy === undefined ? {} : { policy: request.policy }),
        ...(request.filter === undefined ? {} : { filter: request.filter }),
        ...(request.outlier === undefined ? {} : { outlier: request.outlier }),
        ...(request.onEjection === undefined ? {} : { onEjection: request.onEjection }),
      });
      return {
        pick: (context) => subscription.pick(context),
        get isBusy() {
          return subscription.isBusy;
        },
        get hedgeDelayMs() {
          return subscription.hedgeDelayMs;
        },
        standings: () => subscription.standings(),
        get instanceCount() {
          return subscription.instances.length;
        },
        get status() {
          return subscription.status;
        },
        ready: (options) => subscription.ready(options),
        close: () => subscription.close(),
      };
    },
  };
}
