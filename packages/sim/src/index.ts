export type { Failure } from "./checkers.js";
export { History } from "./history.js";
export type { Flight, Network } from "./network.js";
export { failureText, type HistoryResult, runHistory } from "./run.js";
export type { SimClient } from "./sim-client.js";
export type { SimNode } from "./sim-node.js";
export type { HistoryOptions, Strike } from "./strike.js";
export { World, type WorldObserver } from "./world.js";
