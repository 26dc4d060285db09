/** What the processes of a deploy run are started with, and what they tell. */
import type { PolicyName } from "@fpzk/client";

/** The service that is deployed and called. */
export const SERVICE = "orders";
/** Of instances that serve gRPC: those of `fpzk register` do not. */
export const GRPC_METADATA = { speaks: "grpc" };

/**
 * How a request reaches an instance: through the region's FPZKProxy, picked by an embedded client
 * (near first), picked by one that calls every region alike, or by gRPC through either of the
 * first two.
 */
export const PATHS = ["proxy", "embedded", "anywhere", "grpc-proxy", "grpc-embedded"] as const;
export type Path = (typeof PATHS)[number];

/** What one instance's process is started with. */
export interface InstancePlan {
  readonly id: string;
  readonly region: string;
  readonly version: string;
  readonly servers: readonly string[];
  readonly port: number;
  /** Where callers in other regions reach it, behind a wire with a delay. */
  readonly publicPort: number;
  readonly grpcPort: number;
  readonly publicGrpcPort: number;
}

/** How an instance is told to behave from now on; absent: as it should. */
export interface Behaviour {
  /** Answers this at once instead of what it was asked. */
  readonly failStatus?: number;
  /** Takes so much longer for each answer. */
  readonly slowMs?: number;
}

/** What the process of one region's callers is started with. */
export interface CallerPlan {
  readonly region: string;
  readonly servers: readonly string[];
  readonly proxyUrl: string;
  readonly ratePerSecond: number;
  /** In which the rate rises to that. */
  readonly rampMs: number;
  readonly seed: number;
  /** Further attempts of a safe call on other instances; 0: retries are off. */
  readonly retryCount: number;
  /** An embedded client's attempt without an answer for so long has failed. */
  readonly timeoutMs: number;
  /** A call that takes longer, beyond what it asked for, is bad for its user. */
  readonly badMs: number;
  readonly policy: PolicyName;
  /** Of all calls, by gRPC; half of them through the proxy. */
  readonly grpcShare: number;
}

/** A call that did not get its right answer. */
export interface CallFailure {
  /** When it was to be sent, by the wall clock in ms since 1970. */
  readonly atWallMs: number;
  readonly region: string;
  readonly path: Path;
  readonly method: string;
  /** Where it went, as far as is known. */
  readonly target: string;
  readonly tookMs: number;
  readonly reason: string;
}

/** Counts from the start. */
export interface CallCounts {
  readonly sentCount: number;
  readonly doneCount: number;
  readonly failedCount: number;
}

export const SLICE_MS = 500;

/** What became of the safe calls that were to be sent within {@link SLICE_MS}. */
export interface SafeSlice {
  /** Its beginning, a multiple of {@link SLICE_MS} since 1970. */
  readonly atWallMs: number;
  readonly count: number;
  /** Failed, or answered late. */
  readonly badCount: number;
  /** When the last of these was to be sent; 0 for none. */
  readonly lastBadWallMs: number;
}

export function joinSlices(one: SafeSlice | undefined, other: SafeSlice): SafeSlice {
  return {
    atWallMs: other.atWallMs,
    count: (one?.count ?? 0) + other.count,
    badCount: (one?.badCount ?? 0) + other.badCount,
    lastBadWallMs: Math.max(one?.lastBadWallMs ?? 0, other.lastBadWallMs),
  };
}

/** What happened since the last of these. */
export interface CallWindow {
  /** Answers by instance. */
  readonly byInstance: Readonly<Record<string, number>>;
  /** Calls that failed and could have been repeated. */
  readonly safeFailedCount: number;
  readonly unsafeFailedCount: number;
  /** Calls that were answered, and late. */
  readonly lateCount: number;
  /** Safe calls that ended, by when they were to be sent. */
  readonly slices: readonly SafeSlice[];
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export type CallerReport =
  | { readonly type: "ready" }
  | { readonly type: "counts"; readonly counts: CallCounts; readonly window: CallWindow }
  | { readonly type: "failed"; readonly failure: CallFailure }
  | {
      readonly type: "finished";
      readonly counts: CallCounts;
      readonly latencies: Readonly<Record<Path, string>>;
    };

/** What a region's callers are told. */
export type CallerOrder = { readonly type: "start" } | { readonly type: "finish" };

/** What an instance answers. */
export interface InstanceAnswer {
  readonly id: string;
  readonly version: string;
  /** What the caller put in the path, so that an answer of another request is noticed. */
  readonly echo: string;
  readonly bodyBytes: number;
}
