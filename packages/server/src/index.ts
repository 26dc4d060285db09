export { signToken, type TokenClaims } from "./authenticator.js";
export { localClusterOptions, localNodeOptions } from "./local-options.js";
export * from "./logger.js";
export type { RunningServer } from "./node-server.js";
export * from "./options.js";
export { pinoLogger } from "./pino-logger.js";
export * from "./registry-port.js";
export type { DrainLine, LiftOutcome } from "./rest/operator-answers.js";
export { startServer } from "./start-server.js";
