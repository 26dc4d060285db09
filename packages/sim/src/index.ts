export { History } from "./history/history.js";
export type { HistoryOptions, Strike } from "./history/strike.js";
export { type Failure, failureText } from "./oracles/verdict.js";
export { type HistoryResult, runHistory } from "./run.js";
export type { Flight, Network } from "./world/network.js";
export type { WorldObserver } from "./world/observer.js";
export type { SimClient } from "./world/sim-client.js";
export type { SimNode } from "./world/sim-node.js";
export { World } from "./world/world.js";
