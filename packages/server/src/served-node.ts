/** What the server needs of core's node; `core-node.ts` gives it. */
import type {
  DigestEntry,
  MemberView,
  NodeDescription,
  Random,
  RegistryRecord,
  WallTime,
} from "@fpzk/core";
import type { SteppedNode } from "./driver.js";
import type { ClusterOptions } from "./options.js";
import type { QueriedNode } from "./registry-port-adapter.js";

export interface ServedNode extends SteppedNode, QueriedNode {
  /** Leases held: one per session with instances, one per registration without a session. */
  readonly leaseCount: number;
  /** Counters by name: a closed set. */
  readonly counters: Readonly<Record<string, number>>;
  members(): readonly MemberView[];
  /** What is held of every origin, regional ones included. */
  digest(): readonly DigestEntry[];
  /** Takes what the last life of this node held; before the first step. */
  restore(records: Iterable<RegistryRecord>, entries: readonly DigestEntry[]): void;
}

export interface ServedNodeOptions {
  readonly nodeId: string;
  readonly generation: number;
  readonly region: string;
  readonly zone: string;
  readonly description: NodeDescription;
  readonly seeds: readonly string[];
  readonly cluster: ClusterOptions;
  readonly random: Random;
  readonly wallNow: () => WallTime;
}

export type CreateNode = (options: ServedNodeOptions) => ServedNode;
