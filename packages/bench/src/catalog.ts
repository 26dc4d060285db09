import { balancingBench } from "./balancing/balancing-bench.js";
import { realBalancingBench } from "./balancing/real-balancing-bench.js";
import type { Bench } from "./bench.js";
import { hangBench } from "./hang-bench.js";
import { heartbeatBench } from "./heartbeat-bench.js";
import { joinBench } from "./join-bench.js";
import { killBench } from "./kill-bench.js";
import { memoryBench } from "./memory-bench.js";
import { partsBench } from "./parts-bench.js";
import { pickBench } from "./pick-bench.js";
import { proxyBench } from "./proxy-bench.js";
import { pushBench } from "./push-bench.js";
import { registerBench } from "./register-bench.js";
import { routeBench } from "./route-bench.js";
import { simBench } from "./sim-bench.js";
import { stormBench } from "./storm-bench.js";

/** Every benchmark, in the order of the table. */
export const BENCHES: readonly Bench[] = [
  heartbeatBench,
  registerBench,
  pushBench,
  stormBench,
  memoryBench,
  killBench,
  hangBench,
  joinBench,
  pickBench,
  balancingBench,
  realBalancingBench,
  routeBench,
  proxyBench,
  partsBench,
  simBench,
];
