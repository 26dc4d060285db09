/**
 * `service.fpzk` for `node:http` and `node:https`, and for the many libraries that take their
 * agents.
 *
 * @packageDocumentation
 */
export { createHttpAgent, createHttpsAgent, type ServiceAgentOptions } from "./service-agent.js";
