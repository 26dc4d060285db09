export type { Failure } from "./checkers.js";
export { History } from "./history.js";
export { failureText, type HistoryResult, runHistory } from "./run.js";
export type { HistoryOptions, Strike } from "./strike.js";
export { World, type WorldObserver } from "./world.js";
