/** A crowd that loses its servers at the same moment. */
import { until } from "../../e2e/real-cluster.js";
import { msText, spreadText } from "../figures.js";
import { clockMs } from "../log-line.js";
import type { Scenario } from "../scenario.js";
import { reportConvergence } from "./kills.js";

const PROCESS_COUNT = 5;
const SESSIONS_EACH = 1_000;
const AWAY_TIMEOUT_MS = 180_000;

export const reconnectStorm: Scenario = {
  name: "reconnect-storm",
  title: "5,000 sessions lose the three servers of their region at once and go to the others",
  isShort: false,
  async run(stage) {
    const cluster = await stage.startCluster();
    await stage.startClients({
      ...{ processCount: PROCESS_COUNT, sessionsEach: SESSIONS_EACH, regions: ["us"] },
      ...{ serviceCount: 20, watchEvery: 50, startsAtOnce: 50 },
    });
    await stage.converge();
    stage.measured("sessions", `${PROCESS_COUNT * SESSIONS_EACH}`);
    const victims = cluster.of("us").map((server) => server.nodeId);
    const end = stage.fault("region-outage", "us");
    const startMs = clockMs();
    await Promise.all(victims.map((nodeId) => cluster.signal(nodeId, "SIGKILL")));
    await until("all sessions have a node again", AWAY_TIMEOUT_MS, () => {
      stage.readLogs();
      return victims.every((nodeId) => !stage.checker.nodesWithSessions.has(nodeId));
    });
    stage.measured("all have a server again", msText(clockMs() - startMs));
    const delays: number[] = [];
    for (const { nodeId } of cluster.running) {
      const name = 'fpzk_event_loop_delay_seconds{quantile="0.99"}';
      delays.push((await cluster.metric(nodeId, name)) * 1_000);
    }
    stage.measured("p99 delay of the other servers' event loops", spreadText(delays));
    await reportConvergence(stage);
    for (const nodeId of victims) cluster.start(nodeId);
    await Promise.all(victims.map((nodeId) => cluster.ready(nodeId)));
    end();
    await reportConvergence(stage);
  },
};
