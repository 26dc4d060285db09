export * from "./logger.js";
export * from "./options.js";
export * from "./registry-port.js";
