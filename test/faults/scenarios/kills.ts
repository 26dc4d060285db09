/** Processes that die at once. */
import { until } from "../../e2e/real-cluster.js";
import { msText, spreadText } from "../figures.js";
import { clockMs } from "../log-line.js";
import type { Scenario } from "../scenario.js";
import type { Stage } from "../stage.js";

const LOAD = { changeIntervalMs: 200, pickIntervalMs: 50 };
const TOLD_TIMEOUT_MS = 60_000;

/** Waits until no view shows instances of killed programs, and reports how long it took. */
export async function reportDetections(stage: Stage, killedCount: number): Promise<void> {
  await until("the dead are gone from all views", TOLD_TIMEOUT_MS, () => {
    stage.readLogs();
    return stage.checker.shownDeadCount === 0;
  });
  stage.checker.settleDetections();
  const { removed, told } = stage.checker.detections;
  const ofTold = told.map((each) => each.toldAt - each.killedAt);
  const ofRemoved = removed.map((each) => each.toldAt - each.killedAt);
  stage.check("L2 views told of dead programs", ofTold.length >= killedCount, spreadText(ofTold));
  stage.measured("removed from views", spreadText(ofRemoved));
}

export const clientKill: Scenario = {
  name: "client-kill",
  title: "SIGKILL of single programs and of a process with 30 sessions",
  isShort: true,
  async run(stage) {
    await stage.startCluster();
    await stage.startClients({ processCount: 3, sessionsEach: 30 });
    const single = ["us", "eu", "ap"].map((region, index) => {
      const name = `k${index}`;
      const work = { service: `svc-${index}` };
      return stage.startClient(name, [stage.program(`${name}/0`, region, work)]);
    });
    await Promise.all(single.map((group) => group.ready()));
    stage.measured("servers, sessions", `${stage.cluster.servers.length}, 93`);
    await stage.converge();
    await stage.load(LOAD);
    for (const group of single) await group.kill();
    await reportDetections(stage, single.length);
    await stage.clients[0]?.kill();
    await reportDetections(stage, single.length + 30);
    await stage.load(undefined);
    await reportConvergence(stage);
  },
};

export const serverKill: Scenario = {
  name: "server-kill",
  title: "SIGKILL of one server of each region at once, under load, and its restart",
  isShort: true,
  async run(stage) {
    const cluster = await stage.startCluster();
    await stage.startClients({ processCount: 3, sessionsEach: 30 });
    await stage.converge();
    await stage.load(LOAD);
    const victims = ["us-2", "eu-2", "ap-2"];
    const end = stage.fault("server-kill", victims.join());
    const startMs = clockMs();
    await Promise.all(victims.map((nodeId) => cluster.signal(nodeId, "SIGKILL")));
    await until("all sessions have a node again", TOLD_TIMEOUT_MS, () => {
      stage.readLogs();
      return victims.every((nodeId) => !stage.checker.nodesWithSessions.has(nodeId));
    });
    stage.measured("until no session was on a dead server", msText(clockMs() - startMs));
    for (const nodeId of victims) cluster.start(nodeId);
    await Promise.all(victims.map((nodeId) => cluster.ready(nodeId)));
    end();
    await stage.load(undefined);
    await reportConvergence(stage);
  },
};

/** The last word of most scenarios. */
export async function reportConvergence(stage: Stage): Promise<void> {
  const elapsedMs = await stage.converge();
  const measured = elapsedMs === undefined ? "not in time" : `after ${msText(elapsedMs)}`;
  stage.check("L1 all nodes and views agree", elapsedMs !== undefined, measured);
}
