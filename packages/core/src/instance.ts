/** What people and programs say of an instance; encoded once at the edge into a record's body. */

/** An address that one can connect to. */
export interface Endpoint {
  /** What is spoken there, for example `http`, `grpc`, `tcp`, `udp`. Lower case. */
  readonly protocol: string;
  /** Host name, IPv4 or IPv6 (without brackets). */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  /** Whether the endpoint speaks TLS. */
  readonly tls: boolean;
  /** `internal`: reachable inside the region; `public`: from anywhere. */
  readonly reach: "internal" | "public";
}

/** The description of one instance, as its program gives it. */
export interface InstanceDescription {
  /** A set within the service, for example a lane or a shard; empty for none. */
  readonly group: string;
  /** Version tag of the program; empty for none. */
  readonly version: string;
  readonly region: string;
  readonly zone: string;
  /** At least one for something that is called; may be empty for pure callers. */
  readonly endpoints: readonly Endpoint[];
  /** 0 to {@link WEIGHT_MAX}; relative share of load. Default {@link WEIGHT_DEFAULT}. */
  readonly weight: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** When the process started, by its own wall clock, in ms since 1970. Shown, and orders `oldest` within one id's ties; never compared for validity. */
  readonly startWallTime: number;
}

/** What an operator may say over an instance's own word. Absent fields leave its word standing. */
export interface OverrideDescription {
  readonly weight?: number;
  /** Free text for people: who and why. */
  readonly note?: string;
}

/** One FPZKServer, as its `node` record describes it. */
export interface NodeDescription {
  readonly region: string;
  readonly zone: string;
  /** `host:port` where peers and clients reach this node. */
  readonly address: string;
  /** `host:port` where peers reach exactly this node; differs from `address` behind `--workers`. */
  readonly peerAddress: string;
  /** Whether `address` speaks TLS. */
  readonly tls: boolean;
  /** Whether the node takes routed accusations. Absent: no, it is of an earlier version. */
  readonly knowsAccusations?: boolean;
}

/** What an observer knows of another node; derived from what it hears, never replicated. */
export const NodeStatus = {
  /** Heard by this node, or by one that it hears. */
  alive: "alive",
  /** Silent; not yet confirmed. */
  suspect: "suspect",
  /** Confirmed gone by others, or its process refused a connection. */
  dead: "dead",
  /** Nobody of its region is heard from here. */
  unreachable: "unreachable",
  /** It said goodbye. */
  left: "left",
} as const;
export type NodeStatus = (typeof NodeStatus)[keyof typeof NodeStatus];

/** Liveness of an instance as one observer shows it. */
export const Liveness = {
  alive: "alive",
  /** Owner's word: its session broke or fell silent. Picked only when too few others are up. */
  suspect: "suspect",
  /** Its owner node is gone; its client is expected to reconnect. Still picked. */
  orphaned: "orphaned",
  /** The region of its owner cannot be reached from here. Kept, picked last. */
  unreachable: "unreachable",
} as const;
export type Liveness = (typeof Liveness)[keyof typeof Liveness];
