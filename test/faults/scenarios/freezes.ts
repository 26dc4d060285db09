/** Processes that stand still and go on. */
import { until } from "../../e2e/real-cluster.js";
import { msText } from "../figures.js";
import { clockMs } from "../log-line.js";
import type { Scenario } from "../scenario.js";
import type { Stage } from "../stage.js";
import { reportConvergence } from "./kills.js";

const LOAD = { changeIntervalMs: 200, pickIntervalMs: 50 };
const FREEZE_TIMEOUT_MS = 120_000;

function livenessOf(stage: Stage, owner: string): readonly string[] {
  stage.readLogs();
  return stage.checker.livenessOf(owner);
}

/** A client process with one session stands still for a while. */
async function freezeClient(
  stage: Stage,
  name: string,
): Promise<(until_: string) => Promise<void>> {
  const group = stage.startClient(name, [stage.program(`${name}/0`, "eu", { service: "svc-1" })]);
  await group.ready();
  await until("shown", FREEZE_TIMEOUT_MS, () => livenessOf(stage, `${name}/0`).includes("alive"));
  const end = stage.fault("client-stop", name);
  const startMs = clockMs();
  group.signal("SIGSTOP");
  return async (wanted) => {
    await until(`${name} is ${wanted} everywhere`, FREEZE_TIMEOUT_MS, () => {
      const all = livenessOf(stage, `${name}/0`);
      return wanted === "gone" ? all.length === 0 : all.every((each) => each === wanted);
    });
    stage.measured(`stopped client: ${wanted} in all views`, msText(clockMs() - startMs));
    group.signal("SIGCONT");
    end();
    await until(`${name} is back`, FREEZE_TIMEOUT_MS, () => {
      const all = livenessOf(stage, `${name}/0`);
      return all.length > 0 && all.every((each) => each === "alive");
    });
    stage.check(`woken after it was ${wanted}: alive again`, true, msText(clockMs() - startMs));
  };
}

export const clientFreeze: Scenario = {
  name: "client-freeze",
  title: "SIGSTOP of programs until they are suspect, and until they are removed; then SIGCONT",
  isShort: true,
  async run(stage) {
    await stage.startCluster();
    await stage.startClients({ processCount: 2, sessionsEach: 24 });
    const wakeSuspect = await freezeClient(stage, "f1");
    const wakeGone = await freezeClient(stage, "f2");
    await wakeSuspect("suspect");
    await wakeGone("gone");
    await reportConvergence(stage);
  },
};

export const serverFreeze: Scenario = {
  name: "server-freeze",
  title: "SIGSTOP of a server under load for 2 s, of one for 30 s, and of two at once for 10 s",
  isShort: false,
  async run(stage) {
    const cluster = await stage.startCluster();
    await stage.startClients({ processCount: 3, sessionsEach: 30 });
    await stage.converge();
    await stage.load(LOAD);
    const freezes: readonly (readonly [readonly string[], number])[] = [
      [["us-1"], 2_000],
      [["eu-1"], 30_000],
      [["ap-1", "ap-2"], 10_000],
    ];
    for (const [nodeIds, durationMs] of freezes) {
      const end = stage.fault("server-stop", nodeIds.join());
      for (const nodeId of nodeIds) await cluster.signal(nodeId, "SIGSTOP");
      await stage.pass(durationMs);
      for (const nodeId of nodeIds) await cluster.signal(nodeId, "SIGCONT");
      end();
      const startMs = clockMs();
      await cluster.seesAll();
      const what = `${nodeIds.join(" and ")} stopped for ${durationMs / 1_000} s: seen alive by all`;
      stage.measured(what, `${msText(clockMs() - startMs)} after`);
    }
    await stage.load(undefined);
    await reportConvergence(stage);
  },
};
