/** What the demo consists of: regions, how far they are apart, and what runs in each. */

export const REGIONS = ["us", "eu", "ap"] as const;
export type Region = (typeof REGIONS)[number];

export const SERVER_COUNT_PER_REGION = 2;
export const INSTANCE_COUNT_PER_SERVICE = 2;
export const SERVICES = ["payments", "orders"] as const;
export type ServiceName = (typeof SERVICES)[number];

/** One way, in ms. */
const DELAYS_MS: Readonly<Record<string, number>> = { "eu-us": 40, "ap-us": 80, "ap-eu": 110 };

/** The one-way delay between two regions; 0 inside one. */
export function delayMsBetween(a: Region, b: Region): number {
  return DELAYS_MS[[a, b].sort().join("-")] ?? 0;
}

export interface PlannedServer {
  readonly nodeId: string;
  readonly region: Region;
  readonly zone: string;
  readonly preferredPort: number;
}

/** Ports that the demo takes when they are free. */
export const FIRST_SERVER_PORT = 7101;
export const FIRST_PROXY_PORT = 8081;

/** `us-1`, `us-2`, `eu-1` and so on. */
export function planServers(): readonly PlannedServer[] {
  return REGIONS.flatMap((region, regionIndex) =>
    Array.from({ length: SERVER_COUNT_PER_REGION }, (_, index) => ({
      nodeId: `${region}-${index + 1}`,
      region,
      zone: `${region}-${"abcdef"[index] ?? "x"}`,
      preferredPort: FIRST_SERVER_PORT + regionIndex * SERVER_COUNT_PER_REGION + index,
    })),
  );
}

/** What an instance's process is started with. */
export interface InstancePlan {
  readonly service: ServiceName;
  readonly id: string;
  readonly region: Region;
  readonly zone: string;
  readonly servers: readonly string[];
}

/** What the process of a region's proxy and callers is started with. */
export interface EdgePlan {
  readonly region: Region;
  readonly servers: readonly string[];
  readonly proxyPort: number;
}

/** What child processes tell the demo. */
export type Report =
  | { readonly type: "ready"; readonly port: number }
  | { readonly type: "failed"; readonly message: string }
  | { readonly type: "calls"; readonly direct: CallCounts; readonly proxied: CallCounts };

export interface CallCounts {
  readonly callCount: number;
  readonly failureCount: number;
  /** Who answered last: `orders-us-1 (us) → payments-us-2 (us)`. */
  readonly lastAnswer: string;
  /** The last failure in words; empty when there was none. */
  readonly lastFailure: string;
}
