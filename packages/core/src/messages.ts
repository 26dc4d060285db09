/**
 * Every message between a client and a node, and between nodes, as values.
 *
 * `@fpzk/protocol` encodes them; core consumes and produces them. One change stream serves peers
 * and subscribers: {@link RecordGroup}s are the same in a delta, a snapshot and a change.
 * Byte arrays in messages produced by core are views into its table: encode or copy them before
 * the next `step`.
 */
import type { ErrorCode } from "./errors.js";
import type { ContentDigest } from "./hash.js";
import type { NodeStatus } from "./instance.js";
import type {
  InstanceState,
  Origin,
  RecordKind,
  RegistryRecord,
  RemovalReason,
  Scope,
  Stamp,
} from "./record.js";

/** Version of the session and peer protocols; raised only by a change that is not an addition. */
export const PROTOCOL_VERSION = 1;

/**
 * A stretch of an origin's versions, above `after` and up to `upTo`, in which something could not
 * be read. What could be read of it is there all the same.
 */
export interface Hole {
  readonly after: number;
  readonly upTo: number;
  /** For people; not sent on. */
  readonly reason: string;
}

/** Records of one origin, in ascending version order. */
export interface RecordGroup {
  readonly origin: Origin;
  readonly records: readonly RegistryRecord[];
  /** Between peers: what the sender, or the decoder here, could not read. Ascending, apart. */
  readonly holes?: readonly Hole[];
}

/** How much of one origin a replica holds: every record up to `version` was seen. */
export interface OriginVersion {
  readonly origin: Origin;
  readonly version: number;
}

// ---------------------------------------------------------------------------------------------
// Session: client to node

/** First message on a session. Answered by `welcome`, or `refused` with requestId 0 and a close. */
export interface HelloMessage {
  readonly type: "hello";
  readonly protocolVersion: number;
  readonly namespace: string;
  /** Token, or empty when the node asks for none. */
  readonly token: string;
  /** Stable for one process; two sessions with one client id: the higher session number lives. */
  readonly clientId: string;
  /** Rises with each connection of this process, from 1; the `session` part of its stamps. */
  readonly sessionNumber: number;
  readonly region: string;
  readonly zone: string;
  /** Name and version of the library, for people. */
  readonly agent: string;
}

export interface RegisterItem {
  readonly service: string;
  readonly id: string;
  /** From the first welcome. 0 (earlier versions): the node chooses, above all it knows of the id. */
  readonly incarnation: number;
  /** When the process began: its first `firstIncarnation`. 0 (earlier versions): the node sets it. */
  readonly since: number;
  readonly state: InstanceState;
  readonly scope: Scope;
  readonly body: Uint8Array;
}

/** Registers instances, or replaces what this session registered. Answered by `registered`. */
export interface RegisterMessage {
  readonly type: "register";
  readonly requestId: number;
  readonly items: readonly RegisterItem[];
}

/** Removes one instance of this session. Answered by `done`. */
export interface DeregisterMessage {
  readonly type: "deregister";
  readonly requestId: number;
  readonly service: string;
  readonly id: string;
  readonly reason: RemovalReason;
}

/** Sets up, offline or draining. Answered by `done`; for draining, by `drained` when it is over. */
export interface SetStateMessage {
  readonly type: "set-state";
  readonly requestId: number;
  readonly service: string;
  readonly id: string;
  readonly state: InstanceState;
  /** For draining: how long to wait for confirmations, in ms. */
  readonly timeoutMs: number;
  /** For draining a region's own instance: where its program was, which may still show it. */
  readonly leftRegions: readonly string[];
}

/**
 * Watches a service. Answered by `snapshot` parts, the last one `isFinal`, then `change`s.
 *
 * With a position, the node may answer `unchanged` (equal digest) or only what the position lacks.
 */
export interface WatchMessage {
  readonly type: "watch";
  readonly requestId: number;
  readonly service: string;
  readonly position: readonly OriginVersion[];
  readonly digest: ContentDigest;
}

export interface UnwatchMessage {
  readonly type: "unwatch";
  readonly service: string;
}

/** Asks for one service once. Answered by `snapshot` parts that carry the request id. */
export interface QueryMessage {
  readonly type: "query";
  readonly requestId: number;
  readonly service: string;
}

/** Keeps the session alive. Answered by `pong`. */
export interface HeartbeatMessage {
  readonly type: "heartbeat";
  readonly sequence: number;
  /** Asks for the digests of all watched services, to verify the views. */
  readonly wantsDigests: boolean;
}

/** This subscriber no longer picks the draining instance (P7). No answer. */
export interface ConfirmMessage {
  readonly type: "confirm";
  readonly service: string;
  readonly id: string;
  readonly stamp: Stamp;
}

/**
 * A view has seen an instance, or its removal, with this stamp; the node's complete answer has it
 * with a lower one, and nobody is left to say the higher one again. No answer: a registration that
 * lives is written anew, above.
 */
export interface AheadMessage {
  readonly type: "ahead";
  readonly service: string;
  readonly id: string;
  readonly stamp: Stamp;
}

/**
 * An accusation: this client could not connect to an instance, again and again. Or, `isRetraction`,
 * it can again. No answer. Only to a node whose welcome says `knowsAccusations`.
 */
export interface AccuseMessage {
  readonly type: "accuse";
  readonly service: string;
  readonly id: string;
  /** Of the life that was called: what is said of an earlier one means nothing. */
  readonly incarnation: number;
  readonly isRetraction: boolean;
}

/** Ends the session on purpose: what it still holds is deregistered, nothing becomes suspect. */
export interface GoodbyeMessage {
  readonly type: "goodbye";
}

export type SessionRequest =
  | HelloMessage
  | RegisterMessage
  | DeregisterMessage
  | SetStateMessage
  | WatchMessage
  | UnwatchMessage
  | QueryMessage
  | HeartbeatMessage
  | AheadMessage
  | AccuseMessage
  | ConfirmMessage
  | GoodbyeMessage;

// ---------------------------------------------------------------------------------------------
// Session: node to client

export interface WelcomeMessage {
  readonly type: "welcome";
  readonly nodeId: string;
  readonly generation: number;
  readonly region: string;
  readonly heartbeatIntervalMs: number;
  readonly ttlMs: number;
  /** On loss of this connection, wait this long before connecting again (herds are spread). */
  readonly reconnectDelayMs: number;
  /** False while the node is warming up: watches are answered later. */
  readonly isReady: boolean;
  /**
   * The node's hybrid clock: what a process that was never welcomed before registers with. 0 when
   * the node, of an earlier version, chooses itself.
   */
  readonly firstIncarnation: number;
  /** The node answers watches of route sets. False from one of an earlier version. */
  readonly knowsRouteSets: boolean;
  /** The node takes accusations. False from one of an earlier version. */
  readonly knowsAccusations: boolean;
}

/** One node as the answering node sees it. */
export interface MemberView {
  readonly nodeId: string;
  readonly generation: number;
  readonly region: string;
  readonly zone: string;
  readonly address: string;
  readonly tls: boolean;
  readonly status: NodeStatus;
}

/** All nodes, whenever one changes: where to reconnect, and what is orphaned or unreachable. */
export interface MembersMessage {
  readonly type: "members";
  readonly members: readonly MemberView[];
}

export interface RegisteredItem {
  readonly service: string;
  readonly id: string;
  /** The record's stamp now; undefined when refused. */
  readonly stamp: Stamp | undefined;
  readonly since: number;
  readonly code: ErrorCode | undefined;
  readonly message: string;
}

export interface RegisteredMessage {
  readonly type: "registered";
  readonly requestId: number;
  readonly items: readonly RegisteredItem[];
}

export interface DoneMessage {
  readonly type: "done";
  readonly requestId: number;
}

export interface RefusedMessage {
  readonly type: "refused";
  readonly requestId: number;
  readonly code: ErrorCode;
  readonly message: string;
}

/** A drain is over: everyone confirmed (`unconfirmed` empty), or the time was up. */
export interface DrainedMessage {
  readonly type: "drained";
  readonly requestId: number;
  readonly confirmedCount: number;
  /** `nodeId` or `nodeId/clientId` of those that did not confirm in time; at most 100. */
  readonly unconfirmed: readonly string[];
}

export type SnapshotKind = "full" | "delta" | "unchanged";

/**
 * A part of the answer to a watch or query.
 *
 * `full`: all records of the service; after the final part, an instance the holder has and the
 * answer lacks was removed, if and only if `position` covers its version (`collected`), because
 * then the node has seen it. `delta`: what the watch's position lacked. `unchanged`: nothing.
 */
export interface SnapshotMessage {
  readonly type: "snapshot";
  readonly requestId: number;
  readonly service: string;
  readonly kind: SnapshotKind;
  /** The completeness mark: nothing is complete before it. */
  readonly isFinal: boolean;
  readonly groups: readonly RecordGroup[];
  /** In the final part: what the node has seen of every origin. */
  readonly position: readonly OriginVersion[];
  /** In the final part: digest of the node's live records of the service. */
  readonly digest: ContentDigest;
}

/** What changed in a watched service since the last message about it; tombstones included. */
export interface ChangeMessage {
  readonly type: "change";
  readonly service: string;
  readonly groups: readonly RecordGroup[];
  /** Digest of the node's live records of the service after these changes. */
  readonly digest: ContentDigest;
}

export interface PongMessage {
  readonly type: "pong";
  readonly sequence: number;
  /** Present when asked for. */
  readonly digests: readonly { readonly service: string; readonly digest: ContentDigest }[];
  /** Present with digests: takes the place of what the welcome said, as sessions come and go. */
  readonly reconnectDelayMs?: number;
}

/** Another process claimed this id with a higher stamp: stop, do not duel. */
export interface SupersededMessage {
  readonly type: "superseded";
  readonly service: string;
  readonly id: string;
  /** The winning stamp. */
  readonly stamp: Stamp;
  /**
   * False when the winner is a tombstone, suspect, or of an owner that is gone: register again
   * above its incarnation.
   */
  readonly isAlive: boolean;
  /**
   * The winner is suspect, or its owner is gone: its process may come back. Wait a while before
   * registering above it.
   */
  readonly isUndecided: boolean;
  /** When the winner's process began, as its record says; 0 for unknown. */
  readonly since: number;
}

/** The node is about to close this session: connect to another one after the delay. */
export interface MoveMessage {
  readonly type: "move";
  readonly delayMs: number;
  /** For people: shutdown, rebalance. */
  readonly reason: string;
}

export type SessionMessage =
  | WelcomeMessage
  | MembersMessage
  | RegisteredMessage
  | DoneMessage
  | RefusedMessage
  | DrainedMessage
  | SnapshotMessage
  | ChangeMessage
  | PongMessage
  | SupersededMessage
  | MoveMessage;

// ---------------------------------------------------------------------------------------------
// Peers

/** One origin in a digest. */
export interface DigestEntry {
  readonly origin: Origin;
  /** Highest version seen. */
  readonly version: number;
  /** Tombstones up to this version may be gone: a peer below it is reset, not patched. */
  readonly watermark: number;
  /** Sum of the live records' digests. */
  readonly content: ContentDigest;
  /** Something up to the version could not be read: the content proves nothing. */
  readonly isPartial?: true;
}

/** A part of a peer's message that was left out because it cannot be read or cannot be true. */
export interface RefusedPart {
  /** Whom it is about; undefined when that cannot be read either. */
  readonly origin: Origin | undefined;
  readonly reason: string;
}

/** What a replica holds; sent each round and on connect. Also the heartbeat of the link. */
export interface DigestMessage {
  readonly type: "digest";
  readonly entries: readonly DigestEntry[];
  /** Highest collected generation by node id: origins at or below it are gone for good. */
  readonly floors: readonly { readonly nodeId: string; readonly generation: number }[];
  /** Nodes this one hears over a link of its own. */
  readonly hears: readonly string[];
  /** False while the sender is still filling: its lacking records prove nothing. */
  readonly isReady: boolean;
  /** What the sender asks for. */
  readonly repair: RepairRequest;
  /** Lives of nodes that are known to have ended: nothing listens where they did. */
  readonly ended: readonly { readonly nodeId: string; readonly generation: number }[];
  /** Made by the decoder. */
  readonly refused?: readonly RefusedPart[];
}

/**
 * `none`: another link fills the sender; a little of the receiver's own is welcome. `lagging`: send what the sender lacked a
 * round ago. `now`: send all that it lacks.
 */
export type RepairRequest = "none" | "lagging" | "now";

/** Records of one origin: complete for versions in (from, to]. */
export interface DeltaGroup extends RecordGroup {
  /** The receiver must hold at least this version, else it asks for repair. */
  readonly from: number;
  readonly to: number;
}

export interface DeltaMessage {
  readonly type: "delta";
  readonly groups: readonly DeltaGroup[];
  /**
   * Up to these versions, records of other origins may have replaced what the groups lack: until
   * the receiver has read them, its lacking that proves nothing. Without what it has said to hold.
   */
  readonly replacedBy?: readonly OriginVersion[];
  /** Made by the decoder. */
  readonly refused?: readonly RefusedPart[];
}

/**
 * Everything the giver holds, for a receiver that was away too long to be patched.
 *
 * Sent part by part. The receiver merges each part as it comes, and at the final one drops what
 * the giver has seen (its entry covers the version) and no longer holds: mark and sweep, with the
 * same proof as a subscriber's full snapshot, so that no view shrinks in between.
 */
export interface ResetMessage {
  readonly type: "reset";
  /** Only these origins, or all when empty. */
  readonly origins: readonly Origin[];
  readonly groups: readonly RecordGroup[];
  readonly isFinal: boolean;
  /** In the final part: the position that the content stands for. */
  readonly entries: readonly DigestEntry[];
  readonly floors: readonly { readonly nodeId: string; readonly generation: number }[];
  /** In the final part, as in a delta. */
  readonly replacedBy?: readonly OriginVersion[];
  /** Made by the decoder. */
  readonly refused?: readonly RefusedPart[];
}

/** A message to a node that may not be a direct neighbour; passed on at most `hops` times. */
export interface RouteMessage {
  readonly type: "route";
  readonly to: string;
  readonly from: string;
  readonly hops: number;
  readonly payload: RoutePayload;
}

export type RoutePayload =
  /**
   * All subscribers of `from` no longer pick the draining record, or these did not confirm. As a
   * question, from the record's writer: what is known of that? Only who shows the record answers;
   * and, in another region, who is asked what a region's own instance has left there.
   */
  | {
      readonly kind: "drain-confirm";
      /** The draining record is the instance's own or an operator's override. */
      readonly recordKind: RecordKind;
      readonly namespace: string;
      readonly service: string;
      readonly id: string;
      readonly stamp: Stamp;
      readonly confirmedCount: number;
      readonly unconfirmed: readonly string[];
      readonly isQuestion: boolean;
      /** Which life of `from` speaks; 0 from a node of an earlier version, and in a question. */
      readonly generation: number;
      /** A question about what a region's own instance has left in the region of the receiver. */
      readonly isLeft: boolean;
    }
  /** The canary with this counter was seen. */
  | { readonly kind: "canary-echo"; readonly counter: number; readonly region: string }
  /** Something to do with a lease or instance that the receiver owns. */
  | {
      readonly kind: "command";
      readonly commandId: number;
      readonly command: RoutedCommand;
    }
  | {
      readonly kind: "command-result";
      readonly commandId: number;
      readonly code: ErrorCode | undefined;
      readonly message: string;
      readonly stamp: Stamp | undefined;
      readonly confirmedCount: number;
      readonly unconfirmed: readonly string[];
    };

/** What can be asked of an instance's owner from another node. */
export type RoutedCommand =
  | {
      readonly kind: "renew";
      readonly namespace: string;
      readonly service: string;
      readonly id: string;
    }
  | {
      readonly kind: "deregister";
      readonly namespace: string;
      readonly service: string;
      readonly id: string;
      readonly reason: RemovalReason;
    }
  | {
      readonly kind: "set-state";
      readonly namespace: string;
      readonly service: string;
      readonly id: string;
      readonly state: InstanceState;
      readonly timeoutMs: number;
    }
  | {
      /** Another description; lease, state and age stay. */
      readonly kind: "update";
      readonly namespace: string;
      readonly service: string;
      readonly id: string;
      readonly body: Uint8Array;
    }
  | {
      /** Written anew above a stamp that somebody has seen, if its program is heard. */
      readonly kind: "rise";
      readonly namespace: string;
      readonly service: string;
      readonly id: string;
      readonly stamp: Stamp;
    }
  | {
      /** What a caller says; only while every node on the way may know it, see AccusationDesk. */
      readonly kind: "accuse";
      readonly namespace: string;
      readonly service: string;
      readonly id: string;
      readonly incarnation: number;
      readonly isRetraction: boolean;
      /** Who says so: equal for those that may be wrong for one and the same reason. */
      readonly accuser: string;
    };

export type PeerMessage = DigestMessage | DeltaMessage | ResetMessage | RouteMessage;
