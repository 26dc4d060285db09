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
export { connect } from "./connect.js";
