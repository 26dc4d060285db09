/** Every scenario, in the order of the table. */
import type { Scenario } from "../scenario.js";
import { clientFreeze, serverFreeze } from "./freezes.js";
import { clientKill, serverKill } from "./kills.js";

export const SCENARIOS: readonly Scenario[] = [clientKill, serverKill, clientFreeze, serverFreeze];
