export { type HistoryResult, runHistory } from "./run.js";
export { World } from "./world.js";
