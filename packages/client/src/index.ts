export {
  ErrorCode,
  InstanceState,
  isRegistryError,
  RegistryError,
} from "@fpzk/core";
export * from "./api.js";
export { connect } from "./connect.js";
