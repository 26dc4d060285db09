export type { Target } from "./engine/target.js";
