/**
 * The record: the one thing that FPZK replicates.
 *
 * A record is written only by its origin and carries that origin's version; a key's winner is the
 * record with the highest stamp. Everything else (tables, deltas, watches, views) follows from
 * these two orders.
 *
 * @see van Renesse et al., "Efficient Reconciliation and Flow Control for Anti-Entropy
 * Protocols" (Scuttlebutt, 2008); ARCHITECTURE.md, "Records".
 */
import { type ContentDigest, hashBytes, hashNumber, hashText } from "./hash.js";

/** What a record is about. Numbers are the wire form and never change their meaning. */
export const RecordKind = {
  /** One registration: key namespace / service / instance id. */
  instance: 1,
  /** One FPZKServer: key node id; stamp incarnation = its generation. */
  node: 2,
  /** An operator's word on an instance (state, weight); stamp is a hybrid logical clock. */
  override: 3,
  /** A counter each node writes to measure propagation: key node id. */
  canary: 4,
  /** Named routes of a namespace: id `namespace/name`; stamp is a hybrid logical clock. */
  routeSet: 5,
} as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

/**
 * What stands for the service of route sets, so that they are watched as a service is. No service
 * can have this name, for it has a slash.
 */
export const ROUTE_SET_SERVICE = "/route-sets";

/** The id of a route set: namespaces and names have no slash. */
export function routeSetId(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/** How far a record travels: `global` everywhere, `region` never across a region's border. */
export const Scope = { global: 0, region: 1 } as const;
export type Scope = (typeof Scope)[keyof typeof Scope];

/** What the owner says of an instance. `removed` makes the record a tombstone. */
export const InstanceState = { up: 0, offline: 1, draining: 2, removed: 3 } as const;
export type InstanceState = (typeof InstanceState)[keyof typeof InstanceState];

/** Why a tombstone was written: the evidence that P4 asks for. */
export const RemovalReason = {
  none: 0,
  /** The instance itself, or its program, said so. */
  deregistered: 1,
  /** It had drained. */
  drained: 2,
  /** Its connection closed and it did not come back within the grace. */
  connectionLost: 3,
  /** It fell silent for its ttl and the confirmation period. */
  silent: 4,
  /** A lease without a connection was not renewed. */
  leaseExpired: 5,
  /** Its owner node is gone and it came back nowhere for the long ttl. */
  orphaned: 6,
  /** An operator removed it. */
  operator: 7,
  /** A node left the cluster on purpose. */
  left: 8,
  /** A complete answer of a node that has seen the record no longer holds it. */
  collected: 9,
} as const;
export type RemovalReason = (typeof RemovalReason)[keyof typeof RemovalReason];

/**
 * The order in which records of one key replace each other.
 *
 * Instance: (process start, connection, claim); the first two chosen by the client's side, the first
 * of them from a node's hybrid clock. `claim` is raised by one when another node speaks for a record
 * whose owner is gone, and with each drain.
 * Node: (generation, 0, 0). Override and route set: hybrid logical clock (packed, 0, 0).
 */
export interface Stamp {
  /** 0 to 2^53-1. */
  readonly incarnation: number;
  /** 0 to 2^32-1. */
  readonly session: number;
  /** 0 to 65535. */
  readonly claim: number;
}

/** The only writer of a stream of versions: one life of one node, in one scope. */
export interface Origin {
  readonly nodeId: string;
  /** Rises at each restart of the node. */
  readonly generation: number;
  readonly scope: Scope;
}

/** The identity of a record; `scope` is that of its origin. */
export interface RecordKey {
  readonly kind: RecordKind;
  readonly scope: Scope;
  /** Empty for `node` and `canary`. */
  readonly namespace: string;
  /** Empty for `node` and `canary`. */
  readonly service: string;
  readonly id: string;
}

/** One version of one key. `body` is opaque to core, and empty in a tombstone. */
export interface RegistryRecord extends RecordKey {
  readonly origin: Origin;
  /** Order of writes of the origin, from 1. */
  readonly version: number;
  readonly stamp: Stamp;
  readonly state: InstanceState;
  /** Written by the owner: its session broke or fell silent. */
  readonly isSuspect: boolean;
  /** Of a tombstone; a live record carries its lease's ttl there, see lease/ttl-remark.ts. */
  readonly reason: RemovalReason;
  /**
   * When the process that registers the key began, or a lease without one was first registered, as
   * a packed hybrid logical clock (see `hlc.ts`): orders instances by age, and says which of two
   * processes of one id is the later. Of a canary: when it was written. 0 when it means nothing.
   */
  readonly since: number;
  readonly body: Uint8Array;
}

/** Negative when `a` is older than `b`, 0 when equal, positive when newer. */
export function compareStamps(a: Stamp, b: Stamp): number {
  return a.incarnation - b.incarnation || a.session - b.session || a.claim - b.claim;
}

/** Highest parts of a stamp; an incarnation goes on above it only by {@link raiseStamp}. */
export const INCARNATION_MAX = 2 ** 53 - 2 ** 32;
export const SESSION_NUMBER_MAX = 2 ** 32 - 1;
export const CLAIM_MAX = 65_535;

/**
 * The next stamp above one for another speaker; undefined above the last there is.
 *
 * A part at its end carries into the one before it, so that no record, whoever wrote it, can make
 * a node overflow.
 */
export function raiseStamp({ incarnation, session, claim }: Stamp): Stamp | undefined {
  if (claim < CLAIM_MAX) return { incarnation, session, claim: claim + 1 };
  if (session < SESSION_NUMBER_MAX) return { incarnation, session: session + 1, claim: 0 };
  if (incarnation >= Number.MAX_SAFE_INTEGER) return undefined;
  return { incarnation: incarnation + 1, session: 0, claim: 0 };
}

/** A total order of origins, equal on every machine. */
export function compareOrigins(a: Origin, b: Origin): number {
  if (a.nodeId !== b.nodeId) return a.nodeId < b.nodeId ? -1 : 1;
  return a.generation - b.generation || a.scope - b.scope;
}

/**
 * Which of two records of one key wins: positive when `a` does.
 *
 * Stamp first. Two processes may choose the same stamp where nodes cannot hear each other: then a
 * tombstone wins, so that nothing removed shows again (P5), and else the origin's name decides, so
 * that all nodes agree. One origin's versions are in order.
 */
export function compareRecords(a: Contender, b: Contender): number {
  return (
    compareStamps(a.stamp, b.stamp) ||
    Number(a.state === InstanceState.removed) - Number(b.state === InstanceState.removed) ||
    compareOrigins(a.origin, b.origin) ||
    a.version - b.version
  );
}

type Contender = Pick<RegistryRecord, "stamp" | "state" | "origin" | "version">;

/** A key as one text, for maps. Parts never contain the separator (control characters are refused). */
export function recordKeyText(key: RecordKey): string {
  return `${key.kind}\u0001${key.scope}\u0001${key.namespace}\u0001${key.service}\u0001${key.id}`;
}

/** An origin as one text, for maps and messages. */
export function originText(origin: Origin): string {
  return `${origin.nodeId}\u0001${origin.generation}\u0001${origin.scope}`;
}

/**
 * The fingerprint of a live record's content: key, stamp, state, suspicion and body.
 *
 * Origin and version are left out: they say who wrote it, not what a caller sees. Sums of these
 * are the digests of views and of origins.
 */
export function recordDigest(
  record: Pick<RegistryRecord, "kind" | "scope" | "id" | "stamp" | "state" | "isSuspect" | "body">,
): ContentDigest {
  const head =
    record.kind | (record.scope << 4) | (record.state << 5) | (record.isSuspect ? 128 : 0);
  let seed = hashNumber(record.stamp.incarnation, head);
  seed = hashNumber(record.stamp.session, seed);
  seed = hashNumber(record.stamp.claim, seed);
  const low = hashText(record.id, hashBytes(record.body, seed));
  return { high: hashText(record.id, hashNumber(low, ~seed)), low };
}
