/** Everything is restarted, one after another, while it is used. */
import { msText } from "../figures.js";
import { clockMs } from "../log-line.js";
import type { Scenario } from "../scenario.js";
import { reportConvergence } from "./kills.js";

const LOAD = { changeIntervalMs: 100, pickIntervalMs: 20 };

export const rollingRestart: Scenario = {
  name: "rolling-restart",
  title: "SIGTERM and restart of all nine servers, one after another, under load",
  isShort: false,
  async run(stage) {
    const cluster = await stage.startCluster();
    await stage.startClients({ processCount: 4, sessionsEach: 45 });
    await stage.converge();
    await stage.load(LOAD);
    const startMs = clockMs();
    for (const { nodeId } of cluster.servers) {
      const end = stage.fault("server-restart", nodeId);
      await cluster.signal(nodeId, "SIGTERM");
      cluster.start(nodeId);
      await cluster.ready(nodeId);
      await cluster.seesAll();
      end();
    }
    stage.measured("all nine restarted", `in ${msText(clockMs() - startMs)}`);
    await stage.load(undefined);
    stage.readLogs();
    const { changeCount, emptyPickCount, pickCount } = stage.checker.totals;
    stage.measured("meanwhile", `${changeCount} changes, ${pickCount} picks`);
    stage.check("picks that found nothing", emptyPickCount === 0, `${emptyPickCount}`);
    await reportConvergence(stage);
  },
};

export const outage: Scenario = {
  name: "outage",
  title: "SIGKILL of all nine servers; callers pick on for 10 s; then all return with empty hands",
  isShort: false,
  async run(stage) {
    const cluster = await stage.startCluster();
    await stage.startClients({ processCount: 3, sessionsEach: 30 });
    await stage.converge();
    await stage.load(LOAD);
    const end = stage.fault("outage", "all");
    await Promise.all(cluster.servers.map(({ nodeId }) => cluster.signal(nodeId, "SIGKILL")));
    await stage.pass(10_000);
    stage.readLogs();
    const { emptyPickCount, pickCount } = stage.checker.totals;
    stage.check(
      "picks that found nothing",
      emptyPickCount === 0,
      `${emptyPickCount} of ${pickCount}`,
    );
    const startMs = clockMs();
    for (const { nodeId } of cluster.servers) cluster.start(nodeId);
    await Promise.all(cluster.servers.map(({ nodeId }) => cluster.ready(nodeId)));
    end();
    stage.measured("all servers ready again", msText(clockMs() - startMs));
    await stage.load(undefined);
    await reportConvergence(stage);
  },
};
