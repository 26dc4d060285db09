export * from "./tcp-wire.js";
export type { WirePipeOptions } from "./wire-pipe.js";
