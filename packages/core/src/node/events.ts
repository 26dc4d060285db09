/** What can happen to a node, and what it asks its driver to do: closed unions, both. */
import type { ErrorCode, Refusal } from "../errors.js";
import type { OverrideDescription } from "../instance.js";
import type { PeerMessage, RoutedCommand, SessionMessage, SessionRequest } from "../messages.js";
import type { InstanceState, Scope, Stamp } from "../record.js";

/** Names one session on this node for as long as it lives; chosen by the driver, never reused. */
export type SessionKey = number;
/** Names one peer link on this node for as long as it lives; chosen by the driver, never reused. */
export type LinkKey = number;

/** What a session may do in its namespace; decided by the driver from its token. */
export interface Grants {
  readonly mayRead: boolean;
  readonly mayRegister: boolean;
  readonly mayOperate: boolean;
}

/** `native`: FPZKClient. `stream`: a one-way watcher (NDJSON, SSE) that can confirm nothing. */
export type SessionKind = "native" | "stream";

/** A peer as proved in the handshake. */
export interface PeerIdentity {
  readonly nodeId: string;
  readonly generation: number;
  readonly region: string;
  readonly zone: string;
}

/** A request that came by REST, a foreign protocol or an operator, not by a session. */
export type Command =
  | {
      readonly kind: "register";
      readonly namespace: string;
      readonly service: string;
      readonly id: string;
      readonly scope: Scope;
      readonly state: InstanceState;
      /** Milliseconds until the lease lapses unless renewed. */
      readonly ttlMs: number;
      readonly body: Uint8Array;
    }
  | RoutedCommand
  | {
      /** An operator's word; `state` undefined lifts it. Draining resolves like a drain. */
      readonly kind: "override";
      readonly namespace: string;
      readonly service: string;
      readonly id: string;
      readonly state: InstanceState | undefined;
      readonly body: Uint8Array;
      readonly description: OverrideDescription;
      readonly timeoutMs: number;
    }
  | {
      /** Named routes of a namespace; `body` undefined deletes them. */
      readonly kind: "route-set";
      readonly namespace: string;
      readonly name: string;
      readonly body: Uint8Array | undefined;
    }
  /** An operator's word that a node is gone for good. */
  | { readonly kind: "forget-node"; readonly nodeId: string };

export interface CommandResult {
  readonly refusal: Refusal | undefined;
  readonly stamp: Stamp | undefined;
  /** For drains. */
  readonly confirmedCount: number;
  readonly unconfirmed: readonly string[];
}

export type NodeEvent =
  /** Time passed; also sent when {@link RegistryNode.nextDeadline} came. */
  | { readonly type: "tick" }
  /** All input that was at hand is in: push and replicate what changed. */
  | { readonly type: "turn-end" }
  | {
      readonly type: "session-open";
      readonly session: SessionKey;
      readonly kind: SessionKind;
      readonly namespace: string;
      readonly grants: Grants;
      readonly clientId: string;
      readonly sessionNumber: number;
      /** Address of its machine, where others than clients of one machine have another. */
      readonly host?: string;
    }
  | {
      readonly type: "session-message";
      readonly session: SessionKey;
      readonly message: Exclude<SessionRequest, { type: "hello" }>;
    }
  /** The connection ended without `goodbye`. */
  | { readonly type: "session-close"; readonly session: SessionKey }
  /** The session's queue is over its bound: its changes are dropped until it is writable. */
  | { readonly type: "session-congested"; readonly session: SessionKey }
  | { readonly type: "session-writable"; readonly session: SessionKey }
  | {
      readonly type: "link-open";
      readonly link: LinkKey;
      readonly peer: PeerIdentity;
      /** True when this node dialed. */
      readonly isOutbound: boolean;
      /** The address of the dial effect; undefined for a link that came in. */
      readonly address: string | undefined;
    }
  | { readonly type: "link-message"; readonly link: LinkKey; readonly message: PeerMessage }
  | { readonly type: "link-close"; readonly link: LinkKey }
  | { readonly type: "link-congested"; readonly link: LinkKey }
  | { readonly type: "link-writable"; readonly link: LinkKey }
  /** A dial effect came to nothing. `refused` is evidence that no process listens there. */
  | {
      readonly type: "dial-failed";
      readonly address: string;
      readonly cause: "refused" | "timeout" | "rejected" | "self";
      readonly detail: string;
    }
  | { readonly type: "command"; readonly commandId: number; readonly command: Command }
  /** Ask sessions to move, then leave. */
  | { readonly type: "shutdown" };

/** Effects are performed in the order given, and encoded before the next `step`. */
export type Effect =
  /** One message for all these sessions: encode it once. */
  | {
      readonly type: "send-sessions";
      readonly sessions: readonly SessionKey[];
      readonly message: SessionMessage;
    }
  | {
      readonly type: "close-session";
      readonly session: SessionKey;
      readonly code: ErrorCode;
      readonly message: string;
    }
  /** One message for all these links: encode it once. */
  | {
      readonly type: "send-links";
      readonly links: readonly LinkKey[];
      readonly message: PeerMessage;
    }
  | { readonly type: "close-link"; readonly link: LinkKey; readonly reason: string }
  /** Connect to a peer; answer with `link-open` or `dial-failed`. */
  | { readonly type: "dial"; readonly address: string; readonly expectedNodeId: string | undefined }
  | {
      readonly type: "command-result";
      readonly commandId: number;
      readonly result: CommandResult;
    }
  /** Something a person may want to know: constant event name and fields. */
  | {
      readonly type: "note";
      readonly level: "debug" | "info" | "warn" | "error";
      readonly event: string;
      readonly fields: Readonly<Record<string, string | number | boolean>>;
    }
  /** A canary came back: half the round trip from this node to that region. */
  | { readonly type: "propagation"; readonly region: string; readonly elapsedMs: number }
  /** Everything for leaving is said: the process may end. */
  | { readonly type: "left" };
