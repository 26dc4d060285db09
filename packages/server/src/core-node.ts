/** Makes core's node into what the server serves: codecs, table and clock. */
import { randomInt } from "node:crypto";
import {
  ColumnRecordTable,
  type DigestEntry,
  type Instant,
  NODE_CONFIG_DEFAULT,
  RegistryNode,
} from "@fpzk/core";
import { decodeNodeDescription, encodeNodeDescription } from "@fpzk/protocol";
import { monotonicNow } from "./driver.js";
import type { ServedNode, ServedNodeOptions } from "./served-node.js";

/** The node that {@link startServer} runs. */
export function createCoreNode(options: ServedNodeOptions): ServedNode {
  const { cluster, description, ...rest } = options;
  const node = new RegistryNode({
    ...rest,
    description,
    encodedDescription: encodeNodeDescription(description),
    config: { ...NODE_CONFIG_DEFAULT, ...withoutName(cluster) },
    // A seed that nobody knows, so that nobody can choose ids that share a hash chain.
    table: new ColumnRecordTable({ hashSeed: randomInt(2 ** 32) }),
    decodeNodeDescription: (body) => {
      const decoded = decodeNodeDescription(body);
      return decoded.ok ? decoded.description : undefined;
    },
    now: monotonicNow(),
  });
  return {
    nodeId: node.nodeId,
    region: options.region,
    zone: options.zone,
    table: node.table,
    get generation() {
      return node.generation;
    },
    get isReady() {
      return node.isReady;
    },
    get readyReason() {
      return node.readyReason;
    },
    get leaseCount() {
      return node.leaseCount;
    },
    get counters() {
      return { ...node.counters };
    },
    step: (event, now: Instant) => node.step(event, now),
    nextDeadline: () => node.nextDeadline(),
    members: () => node.members(),
    suspicionOf: (slot) => node.suspicionOf(slot),
    quarantined: () =>
      node.quarantined().map(({ origin, since, ...rest }) => {
        return { ...origin, forMs: Math.round(monotonicNow() - since), ...rest };
      }),
    position: () => node.digest().map(({ origin, version }) => ({ origin, version })),
    digest: () => node.digest(),
    restore: (records, entries: readonly DigestEntry[]) =>
      node.restore(records, entries, monotonicNow()),
  };
}

function withoutName({ name: _, ...config }: ServedNodeOptions["cluster"]) {
  return config;
}
