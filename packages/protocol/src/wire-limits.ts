/** Bounds that only the wire form has; the others are in `@fpzk/core`'s `limits.ts`. */
import {
  assert,
  DELTA_MAX_BYTES,
  ORIGIN_COUNT_MAX,
  PEER_FRAME_MAX_BYTES,
  REGISTER_BATCH_COUNT_MAX,
  SESSION_FRAME_MAX_BYTES,
} from "@fpzk/core";

/** Arrays within arrays in one frame. The deepest message needs 5; the rest is for additions. */
export const FRAME_DEPTH_MAX = 8;
/** Values in one frame: bounds what a frame of tiny values takes in memory when decoded. */
export const FRAME_VALUE_COUNT_MAX = 1_048_576;
/**
 * Values in one request of a session: a full `watch` position or `register` batch has fewer. Lower
 * than for peers, because a client is trusted less and a node decodes for thousands of them.
 */
export const REQUEST_VALUE_COUNT_MAX = 65_536;
/** Bytes of a frame before a session's hello was accepted: what a stranger may make a node read. */
export const HELLO_FRAME_MAX_BYTES = 16_384;
/** Records in one message; a full delta of the smallest records has fewer. */
export const MESSAGE_RECORD_COUNT_MAX = 65_536;
/** Bytes of a token in `hello`. */
export const TOKEN_MAX_BYTES = 8_192;
/** Bytes of a text for people: agent, message, reason. Senders cut theirs to a quarter of it. */
export const TEXT_MAX_BYTES = 4_096;
/** Bytes of `host:port`. */
export const ADDRESS_MAX_BYTES = 300;
/** Bytes of a host name or address of an endpoint (RFC 1035 allows 255). */
export const HOST_MAX_BYTES = 255;
/** Bytes of an endpoint's protocol. */
export const ENDPOINT_PROTOCOL_MAX_BYTES = 32;
/** Names of subscribers that did not confirm a drain, as received. Senders stop at 100. */
export const UNCONFIRMED_COUNT_MAX = 1_000;
/** Longest duration in a message: a day. */
export const DURATION_MAX_MS = 86_400_000;
/** Nodes that a routed message may pass. */
export const ROUTE_HOPS_MAX = 255;
/** Bytes of one frame of the peer handshake. */
export const HANDSHAKE_FRAME_MAX_BYTES = 16_384;
/** Bytes of the cluster options' fingerprint in the handshake. */
export const FINGERPRINT_MAX_BYTES = 2_048;
/** Bytes of a nonce of the handshake. */
export const NONCE_MIN_BYTES = 16;
export const NONCE_MAX_BYTES = 64;
/** Problems that one check of an instance description lists. */
export const PROBLEM_COUNT_MAX = 100;

/** The smallest record on the wire: 11 values, most of one byte, and an id of one. */
const RECORD_MIN_BYTES = 12;
assert(
  DELTA_MAX_BYTES / RECORD_MIN_BYTES < MESSAGE_RECORD_COUNT_MAX,
  "a delta of the smallest records must be decodable",
);
assert(
  MESSAGE_RECORD_COUNT_MAX * 14 < FRAME_VALUE_COUNT_MAX,
  "a message of the most records must be decodable",
);
assert(
  5 * ORIGIN_COUNT_MAX + 16 < REQUEST_VALUE_COUNT_MAX,
  "a watch with the longest position must be decodable",
);
assert(
  8 * REGISTER_BATCH_COUNT_MAX + 16 < REQUEST_VALUE_COUNT_MAX,
  "a register of the most items must be decodable",
);
assert(TOKEN_MAX_BYTES + 2_048 <= HELLO_FRAME_MAX_BYTES, "a hello must fit its bound");
assert(HANDSHAKE_FRAME_MAX_BYTES <= PEER_FRAME_MAX_BYTES, "a handshake must fit a peer frame");
assert(TOKEN_MAX_BYTES < SESSION_FRAME_MAX_BYTES, "a hello must fit a session frame");
