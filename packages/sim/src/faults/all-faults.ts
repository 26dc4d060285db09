import { CLIENT_FAULTS } from "./client-faults.js";
import { CONNECTION_FAULTS } from "./connection-faults.js";
import { CUT_FAULTS } from "./cut-faults.js";
import type { Fault } from "./fault.js";
import { FLEET_FAULTS } from "./fleet-faults.js";
import { NODE_FAULTS } from "./node-faults.js";
import { WEATHER_FAULTS } from "./weather-faults.js";
import { WISHES } from "./wishes.js";

/** Everything that may strike. The order counts: adding one in the middle changes all histories. */
export const ALL_FAULTS: readonly Fault[] = [
  ...CUT_FAULTS,
  ...WEATHER_FAULTS,
  ...CONNECTION_FAULTS,
  ...NODE_FAULTS,
  ...CLIENT_FAULTS,
  ...FLEET_FAULTS,
  ...WISHES,
];
