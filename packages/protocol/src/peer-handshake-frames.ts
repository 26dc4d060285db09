/** The three frames of the peer handshake. */
import type { ErrorCode, PeerIdentity } from "@fpzk/core";
import {
  readBoolean,
  readBytes,
  readErrorCode,
  readInteger,
  readName,
  readProse,
  readText,
  writeProse,
} from "./fields.js";
import { packFrame } from "./frame.js";
import { WireFault } from "./wire-fault.js";
import { FINGERPRINT_MAX_BYTES, NONCE_MAX_BYTES, NONCE_MIN_BYTES } from "./wire-limits.js";
import { ERROR_NUMBERS, HANDSHAKE_TYPES } from "./wire-types.js";

/** Bytes of an HMAC-SHA256. */
const MAC_BYTES = 32;

export interface PeerHello extends PeerIdentity {
  readonly type: "peer-hello";
  readonly protocolVersion: number;
  readonly clusterName: string;
  readonly nonce: Uint8Array;
  readonly hasSecret: boolean;
  readonly fingerprint: string;
  /** Highest generation of the receiver that the sender has seen; 0 when it cannot say. */
  readonly knownGeneration: number;
}

export interface PeerProof {
  readonly type: "peer-proof";
  readonly mac: Uint8Array;
}

export interface PeerRefused {
  readonly type: "peer-refused";
  readonly code: ErrorCode;
  readonly message: string;
  /** The connection leads from a node to itself. */
  readonly isSelf: boolean;
}

export function encodePeerHello(hello: PeerHello): Uint8Array {
  return packFrame([
    HANDSHAKE_TYPES["peer-hello"],
    hello.protocolVersion,
    hello.clusterName,
    hello.nodeId,
    hello.generation,
    hello.region,
    hello.zone,
    hello.nonce,
    hello.hasSecret,
    hello.fingerprint,
    hello.knownGeneration,
  ]);
}

export function encodePeerProof(mac: Uint8Array): Uint8Array {
  return packFrame([HANDSHAKE_TYPES["peer-proof"], mac]);
}

export function encodePeerRefused(refused: PeerRefused): Uint8Array {
  return packFrame([
    HANDSHAKE_TYPES["peer-refused"],
    ERROR_NUMBERS[refused.code],
    writeProse(refused.message),
    refused.isSelf,
  ]);
}

/**
 * The handshake frame that the values of a frame stand for.
 *
 * @throws {@link WireFault} when they stand for none.
 */
export function readHandshakeFrame(
  fields: readonly unknown[],
): PeerHello | PeerProof | PeerRefused {
  switch (fields[0]) {
    case HANDSHAKE_TYPES["peer-hello"]:
      return {
        type: "peer-hello",
        protocolVersion: readInteger(fields[1], "protocolVersion", 1, 65_535),
        clusterName: readName(fields[2], "clusterName"),
        nodeId: readName(fields[3], "nodeId"),
        generation: readInteger(fields[4], "generation"),
        region: readName(fields[5], "region"),
        zone: readName(fields[6], "zone"),
        nonce: readBytes(fields[7], "nonce", NONCE_MAX_BYTES, NONCE_MIN_BYTES),
        hasSecret: readBoolean(fields[8], "hasSecret"),
        fingerprint: readText(fields[9], "fingerprint", FINGERPRINT_MAX_BYTES),
        knownGeneration: readInteger(fields[10] ?? 0, "knownGeneration"),
      };
    case HANDSHAKE_TYPES["peer-proof"]:
      return { type: "peer-proof", mac: readBytes(fields[1], "mac", MAC_BYTES, MAC_BYTES) };
    case HANDSHAKE_TYPES["peer-refused"]:
      return {
        type: "peer-refused",
        code: readErrorCode(fields[1], "code"),
        message: readProse(fields[2] ?? "", "message"),
        isSelf: readBoolean(fields[3] ?? false, "isSelf"),
      };
    default:
      throw new WireFault("type", "must be a frame of the handshake", "unimplemented");
  }
}
