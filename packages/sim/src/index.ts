export type { Failure } from "./checkers.js";
export { History, type HistoryOptions, type Strike } from "./history.js";
export { failureText, type HistoryResult, runHistory } from "./run.js";
export { World, type WorldObserver } from "./world.js";
