/** Every scenario, in the order of the table. */
import type { Scenario } from "../scenario.js";
import { idClaim } from "./claims.js";
import { clockSteps, corruptSnapshot, fullDisk } from "./disk.js";
import { clientFreeze, serverFreeze } from "./freezes.js";
import { clientKill, serverKill } from "./kills.js";
import { blackholeSeed, oneWayCut, partialCut, regionCut, wireStorm } from "./network.js";
import { fileDescriptors, outOfMemory, slowReaders } from "./resources.js";
import { outage, rollingRestart } from "./rolling.js";
import { reconnectStorm } from "./storm.js";

export const SCENARIOS: readonly Scenario[] = [
  ...[clientKill, serverKill, clientFreeze, serverFreeze, idClaim],
  ...[regionCut, oneWayCut, partialCut, wireStorm, blackholeSeed],
  ...[rollingRestart, outage, reconnectStorm, slowReaders],
  ...[fullDisk, corruptSnapshot, clockSteps, outOfMemory, fileDescriptors],
];
