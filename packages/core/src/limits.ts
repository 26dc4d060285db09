/**
 * Every bound of FPZK, with its reason. `docs/limits.md` lists them; a test ties the two.
 */
import { assert } from "./assert.js";

/** Bytes of one name (namespace, service, instance id, group, version, region, zone). */
export const NAME_MAX_BYTES = 200;
/** Bytes of one encoded instance body: endpoints and metadata. Keeps a record far below a frame. */
export const BODY_MAX_BYTES = 16 * 1024;
/** Endpoints of one instance. */
export const ENDPOINT_COUNT_MAX = 16;
/** Metadata entries of one instance. */
export const METADATA_COUNT_MAX = 64;
/** Instances that one session may hold. */
export const SESSION_INSTANCE_COUNT_MAX = 20_000;
/** Services that one session may watch. */
export const SESSION_WATCH_COUNT_MAX = 4_096;
/** Sessions on one node. */
export const SESSION_COUNT_MAX = 50_000;
/** TCP connections on one node's port: sessions, peers and HTTP together. */
export const CONNECTION_COUNT_MAX = 60_000;
/** Connections from one remote address, loopback aside: one host cannot take all of them. */
export const CONNECTION_PER_ADDRESS_COUNT_MAX = 20_000;
/** Leases without a session (REST and foreign faces) on one node. */
export const LEASE_COUNT_MAX = 500_000;
/** Services in one namespace; a service is created by its first registration. */
export const SERVICE_COUNT_MAX = 200_000;
/** Services in one node's table, all namespaces together; its indexes end at 2^20. */
export const SERVICE_TOTAL_COUNT_MAX = 1_000_000;
/** Records in one node's table, tombstones included. */
export const RECORD_COUNT_MAX = 4_000_000;
/** Instances in one `register` message: what a client may pipeline at once. */
export const REGISTER_BATCH_COUNT_MAX = 1_000;
/** Bytes of one frame of a session, from the client. */
export const SESSION_FRAME_MAX_BYTES = 4 * 1024 * 1024;
/** Bytes of one frame between peers. */
export const PEER_FRAME_MAX_BYTES = 4 * 1024 * 1024;
/** Bytes of records in one delta or one part of a snapshot: one turn's work, no loop stalls. */
export const DELTA_MAX_BYTES = 256 * 1024;
/** Bytes that may wait in one session's socket before it counts as slow. */
export const SESSION_QUEUE_MAX_BYTES = 1024 * 1024;
/** Bytes that may wait in one peer link before pushes pause. */
export const LINK_QUEUE_MAX_BYTES = 4 * 1024 * 1024;
/** Bytes of one HTTP body. */
export const HTTP_BODY_MAX_BYTES = 1024 * 1024;
/** Levels of nesting in one HTTP body: a description needs four. */
export const HTTP_JSON_DEPTH_MAX = 16;
/** NDJSON and SSE watches on one node: each holds a view of its service. */
export const HTTP_WATCH_COUNT_MAX = 1_000;
/** Bytes of a watch's resume token; stays below the 16 KiB that Node takes of headers. */
export const RESUME_TOKEN_MAX_BYTES = 8 * 1024;
/** How long one request may wait for the confirmations of a drain. */
export const DRAIN_TIMEOUT_MAX_MS = 300_000;
export const DRAIN_TIMEOUT_DEFAULT_MS = 10_000;
/** Nodes of one cluster. */
export const NODE_COUNT_MAX = 1_024;
/** Origins in one digest: nodes x scopes x generations not yet collected. */
export const ORIGIN_COUNT_MAX = 8_192;
/** Origins that one node has ever heard of, collected ones too; their names stay. */
export const ORIGIN_TOTAL_COUNT_MAX = 1_000_000;
/** Nodes of which a node remembers up to which generation all is collected. */
export const FLOOR_COUNT_MAX = 1_024;
/** Stretches of one origin's versions that could not be read; beyond it the closest are joined. */
export const ORIGIN_HOLE_COUNT_MAX = 16;
/** Weight of an instance. */
export const WEIGHT_MAX = 10_000;
export const WEIGHT_DEFAULT = 100;
/** Bounds of a lease's ttl. */
export const LEASE_TTL_MIN_MS = 1_000;
export const LEASE_TTL_MAX_MS = 3_600_000;
export const LEASE_TTL_DEFAULT_MS = 30_000;
/** Requests routed to another node and not yet answered. */
export const ROUTE_PENDING_COUNT_MAX = 10_000;
/** Registrations that a node writes anew in a second because of what views say to have seen. */
export const RISE_PER_SECOND_MAX = 1_000;
/** Accused instances that their owner remembers at once; the one accused first is forgotten. */
export const ACCUSED_COUNT_MAX = 10_000;
/** Accusers of one instance that its owner remembers: more prove no more. */
export const ACCUSER_COUNT_MAX = 8;
/** Accusations and retractions that a node takes from one session in a second. */
export const ACCUSATION_PER_SECOND_MAX = 20;
/** Instances of which one client remembers that it could not connect to them. */
export const UNREACHED_COUNT_MAX = 1_000;
/** Drains running on one node. */
export const DRAIN_COUNT_MAX = 10_000;

assert(
  DELTA_MAX_BYTES + 2 * BODY_MAX_BYTES <= PEER_FRAME_MAX_BYTES,
  "a delta and one more record must fit a peer frame",
);
assert(
  DELTA_MAX_BYTES + 2 * BODY_MAX_BYTES <= SESSION_FRAME_MAX_BYTES,
  "a snapshot part and one more record must fit a session frame",
);
assert(SESSION_QUEUE_MAX_BYTES > DELTA_MAX_BYTES, "a session's queue must hold one snapshot part");
/** Tombstones that a client keeps of one service; older ones are guarded by the view's position. */
export const VIEW_TOMBSTONE_COUNT_MAX = 4_096;
/** Records of one service that a client takes in; more are refused and noted. */
export const VIEW_RECORD_COUNT_MAX = 1_000_000;
/** Regions whose own records a view remembers; of more, the one left first is forgotten. */
export const VIEW_REGION_COUNT_MAX = 8;
/** Regions that a drain asks for what its program left there; of more, the one left first is not. */
export const LEFT_REGION_COUNT_MAX = 8;
/** Calls that may wait for an instance with room, in one subscription: what it may be set to. */
export const PENDING_CALL_COUNT_MAX = 100_000;
/** And what it is unless set. */
export const PENDING_CALL_COUNT_DEFAULT = 1_000;
/** Instances of one subscription whose failures, and whose success rates, are kept. */
export const JUDGED_INSTANCE_COUNT_MAX = 10_000;
/** Queries of one client that are not yet answered. */
export const CLIENT_QUERY_COUNT_MAX = 1_000;
/** Changes that one reader of a view may lag behind before it gets an error. */
export const CLIENT_CHANGE_QUEUE_COUNT_MAX = 10_000;
/** Routes of one proxy, from its configuration and the registry together. */
export const ROUTE_COUNT_MAX = 1_000;
/** Route sets of one namespace. */
export const ROUTE_SET_COUNT_MAX = 256;
/** Conditions of a route on methods, and on headers: each is looked at for each request. */
export const ROUTE_CONDITION_COUNT_MAX = 16;
/** Destinations that one route is split over. */
export const ROUTE_SPLIT_COUNT_MAX = 16;
/** Characters of a path, or of a header's value, in a route. */
export const ROUTE_TEXT_MAX_LENGTH = 1_024;
