/**
 * The number that stands first in every frame and says what the rest is.
 *
 * Numbers are never used again for something else. Requests of a session are 1 to 31, a node's
 * messages to a session 32 to 63, messages between peers 64 to 95, the peer handshake 96 to 127:
 * all fit one byte, and a frame on the wrong connection is told from a malformed one.
 * `docs/protocol.md` holds the same table; a test ties the two.
 */
import type {
  PeerMessage,
  RepairRequest,
  RoutedCommand,
  RoutePayload,
  SessionMessage,
  SessionRequest,
} from "@fpzk/core";

/** Client to node. */
export const REQUEST_TYPES = {
  hello: 1,
  register: 2,
  deregister: 3,
  "set-state": 4,
  watch: 5,
  unwatch: 6,
  query: 7,
  heartbeat: 8,
  confirm: 9,
  goodbye: 10,
  ahead: 11,
  accuse: 12,
} as const satisfies Record<SessionRequest["type"], number>;

/** Node to client. */
export const SESSION_TYPES = {
  welcome: 32,
  members: 33,
  registered: 34,
  done: 35,
  refused: 36,
  drained: 37,
  snapshot: 38,
  change: 39,
  pong: 40,
  superseded: 41,
  move: 42,
} as const satisfies Record<SessionMessage["type"], number>;

/** Node to node, after the handshake. */
export const PEER_TYPES = {
  digest: 64,
  delta: 65,
  reset: 66,
  route: 67,
} as const satisfies Record<PeerMessage["type"], number>;

/** Node to node, before anything else. */
export const HANDSHAKE_TYPES = { "peer-hello": 96, "peer-proof": 97, "peer-refused": 98 } as const;

/** First element of a `route` message's payload. */
export const PAYLOAD_KINDS = {
  "drain-confirm": 1,
  "canary-echo": 2,
  command: 3,
  "command-result": 4,
} as const satisfies Record<RoutePayload["kind"], number>;

/** First element of a routed command. */
export const COMMAND_KINDS = {
  renew: 1,
  deregister: 2,
  "set-state": 3,
  update: 4,
  rise: 5,
  accuse: 6,
} as const satisfies Record<RoutedCommand["kind"], number>;

/** Wire form of a snapshot's kind. */
export const SNAPSHOT_KINDS = { full: 0, delta: 1, unchanged: 2 } as const;

/** Wire form of what a digest asks for. */
export const REPAIR_REQUESTS = {
  none: 0,
  lagging: 1,
  now: 2,
} as const satisfies Record<RepairRequest, number>;

/** Wire form of a node's status. */
export const NODE_STATUSES = { alive: 0, suspect: 1, dead: 2, unreachable: 3, left: 4 } as const;

/** Wire form of error codes: gRPC's numbers. 0 stands for none. */
export const ERROR_NUMBERS = {
  cancelled: 1,
  unknown: 2,
  invalid_argument: 3,
  deadline_exceeded: 4,
  not_found: 5,
  already_exists: 6,
  permission_denied: 7,
  resource_exhausted: 8,
  failed_precondition: 9,
  aborted: 10,
  out_of_range: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  data_loss: 15,
  unauthenticated: 16,
} as const;

/** The names of a table by their numbers. */
export function namesByNumber<Name extends string>(
  table: Readonly<Record<Name, number>>,
): ReadonlyMap<number, Name> {
  return new Map(Object.entries(table).map(([name, number]) => [number as number, name as Name]));
}
