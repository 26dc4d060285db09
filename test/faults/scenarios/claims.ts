/** Two programs of one id. */
import { until } from "../../e2e/real-cluster.js";
import { msText } from "../figures.js";
import { clockMs } from "../log-line.js";
import type { Scenario } from "../scenario.js";
import type { Stage } from "../stage.js";
import { reportConvergence } from "./kills.js";

const SEEN_TIMEOUT_MS = 120_000;
const WORK = { service: "svc-0", id: "claimed" };

/** Waits until every view of the service shows the id as of one program, alive. */
async function shownOf(stage: Stage, owner: string, others: readonly string[]): Promise<number> {
  const startMs = clockMs();
  await until(`all views show the id of ${owner}`, SEEN_TIMEOUT_MS, () => {
    stage.readLogs();
    const all = stage.checker.livenessOf(owner);
    const isAlone = others.every((other) => stage.checker.livenessOf(other).length === 0);
    return isAlone && all.length > 0 && all.every((each) => each === "alive");
  });
  return clockMs() - startMs;
}

export const idClaim: Scenario = {
  name: "id-claim",
  title: "a program takes over the id of one that lives, and of one that stands still and wakes up",
  isShort: false,
  async run(stage) {
    await stage.startCluster();
    await stage.startClients({ processCount: 2, sessionsEach: 24 });
    const start = async (name: string, region: string) => {
      const group = stage.startClient(name, [stage.program(`${name}/0`, region, WORK)]);
      await group.ready();
      return group;
    };
    await start("first", "us");
    await shownOf(stage, "first/0", []);
    const second = await start("second", "eu");
    const tookMs = await shownOf(stage, "second/0", ["first/0"]);
    stage.measured("the later one in all views", msText(tookMs));
    const isTold = () => stage.checker.timeline.supersededAt("first/0", "svc-0", "claimed");
    await until("the earlier one is told", SEEN_TIMEOUT_MS, () => {
      stage.readLogs();
      return isTold() !== undefined;
    });
    stage.check("the earlier one is told that it is superseded", true, "yes");
    const end = stage.fault("client-stop", "second");
    second.signal("SIGSTOP");
    await until("the one that stands still is removed", SEEN_TIMEOUT_MS, () => {
      stage.readLogs();
      return stage.checker.livenessOf("second/0").length === 0;
    });
    await start("third", "ap");
    await shownOf(stage, "third/0", ["second/0"]);
    second.signal("SIGCONT");
    end();
    await until("the one that woke up is told", SEEN_TIMEOUT_MS, () => {
      stage.readLogs();
      return stage.checker.timeline.supersededAt("second/0", "svc-0", "claimed") !== undefined;
    });
    await shownOf(stage, "third/0", ["second/0", "first/0"]);
    stage.check("S5 who woke up does not win", true, "told, and the later one is shown alive");
    await reportConvergence(stage);
  },
};
