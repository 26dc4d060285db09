export {
  CHECKSUM_BYTES,
  type ChecksumOf,
  chunkFilePieces,
  readChunkFile,
} from "./chunk-file.js";
export type { Decoded } from "./decode.js";
export {
  type DecodedDescription,
  decodeInstanceDescription,
  encodeInstanceDescription,
} from "./instance-description.js";
export { checkName, NAME_RULES, type NameKind } from "./names.js";
export { decodeNodeDescription, encodeNodeDescription } from "./node-description.js";
export { decodeOverrideDescription, encodeOverrideDescription } from "./override-description.js";
export {
  ENDPOINT_PROTOCOL_DEFAULT,
  type InstanceDefaults,
  type ParsedDescription,
  type Problem,
  parseInstanceDescription,
  problemText,
} from "./parse-instance.js";
export {
  type ClusterProof,
  type HandshakeOutcome,
  type HandshakeStep,
  PeerHandshake,
  type PeerHandshakeOptions,
} from "./peer-handshake.js";
export { decodePeerMessage, encodePeerMessage } from "./peer-message.js";
export {
  decodeRouteSet,
  encodeRouteSet,
  type RouteSetDescription,
} from "./route-set-description.js";
export { decodeSavedView, encodeSavedView } from "./saved-view.js";
export { decodeSessionMessage, encodeSessionMessage } from "./session-message.js";
export { decodeSessionRequest, encodeSessionRequest } from "./session-request.js";
export {
  parseSnapshot,
  type SnapshotSource,
  snapshotChunks,
  type TableSnapshot,
} from "./table-snapshot.js";
export * from "./wire-limits.js";
