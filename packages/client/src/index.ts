export {
  CallOutcome,
  ErrorCode,
  InstanceState,
  isRegistryError,
  RegistryError,
  resultOfGrpcStatus,
  resultOfHttpStatus,
  retryAfterOfField,
} from "@fpzk/core";
export * from "./api.js";
export { deadlineOf, type IncomingFields } from "./calls/call-deadline.js";
export { connect } from "./connect.js";
export {
  broadcast,
  type FanOutFunction,
  type FanOutOptions,
  type InstanceResult,
  type Quorum,
  type QuorumResult,
  quorum,
} from "./fan-out.js";
export { type LeaderOptions, type LeaderState, type Leadership, watchLeader } from "./leader.js";
