/** Wires that are cut, broken off, slow and uneven; addresses that swallow connections. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { until } from "../../e2e/real-cluster.js";
import { msText, spreadText } from "../figures.js";
import { clockMs } from "../log-line.js";
import type { Scenario } from "../scenario.js";
import type { Stage } from "../stage.js";
import { reportConvergence, reportDetections } from "./kills.js";

const LOAD = { changeIntervalMs: 200, pickIntervalMs: 50 };
const SEEN_TIMEOUT_MS = 60_000;
const CUT_MS = 12_000;
const STORM_MS = 20_000;
const STORM_GAP_MS = 400;
const WIRE_DELAY_MS = 20;

async function startUnderLoad(stage: Stage): Promise<void> {
  await stage.startCluster();
  await stage.startClients({ processCount: 3, sessionsEach: 30 });
  await stage.converge();
  await stage.load(LOAD);
}

async function endWithAgreement(stage: Stage): Promise<void> {
  await stage.load(undefined);
  await reportConvergence(stage);
}

/** Resolves when a node sees another as it should. */
async function seen(stage: Stage, by: string, whom: string, isAlive: boolean): Promise<void> {
  const what = `${by} sees ${whom} ${isAlive ? "alive" : "not alive"}`;
  await until(what, SEEN_TIMEOUT_MS, async () => {
    return (await stage.cluster.aliveNodes(by)).includes(whom) === isAlive;
  });
}

export const regionCut: Scenario = {
  name: "region-cut",
  title: "a region's wires swallow everything under load, and are healed",
  isShort: false,
  async run(stage) {
    await startUnderLoad(stage);
    const end = stage.fault("wire-cut-region", "ap");
    const startMs = clockMs();
    stage.cluster.cutRegion("ap", true);
    await Promise.all([
      seen(stage, "us-1", "ap-1", false),
      seen(stage, "ap-1", "us-1", false),
      seen(stage, "ap-1", "eu-1", false),
    ]);
    stage.measured("cut seen from both sides", msText(clockMs() - startMs));
    await stage.pass(CUT_MS);
    stage.cluster.cutRegion("ap", false);
    end();
    const healedMs = clockMs();
    await stage.cluster.seesAll();
    stage.measured("healed: all nodes see each other", msText(clockMs() - healedMs));
    await endWithAgreement(stage);
  },
};

export const oneWayCut: Scenario = {
  name: "one-way-cut",
  title: "what us sends to eu is lost, what eu sends to us arrives; then healed",
  isShort: false,
  async run(stage) {
    await startUnderLoad(stage);
    const wires = stage.cluster.wires.filter(
      ({ from, to }) =>
        (from.region === "us" && to.region === "eu") ||
        (from.region === "eu" && to.region === "us"),
    );
    const end = stage.fault("wire-one-way", "us→eu");
    for (const { from, wire } of wires) wire.cut(from.region === "us" ? "to-target" : "to-caller");
    await stage.pass(CUT_MS);
    // Nobody is cut off: ap reaches both, and word goes through it.
    const group = stage.startClient("d", [stage.program("d/0", "us", { service: "svc-0" })]);
    await group.ready();
    const startMs = clockMs();
    await until("a registration of us shows in eu", SEEN_TIMEOUT_MS, async () => {
      return (await stage.cluster.contentOf("eu-1")).has("svc-0/d/0");
    });
    stage.measured("a registration of us shows in eu", msText(clockMs() - startMs));
    for (const { wire } of wires) wire.resume();
    end();
    await endWithAgreement(stage);
  },
};

export const partialCut: Scenario = {
  name: "partial-reachability",
  title: "us and eu cannot reach each other, ap reaches both: word goes through it",
  isShort: false,
  async run(stage) {
    await startUnderLoad(stage);
    const wires = stage.cluster.wires.filter(
      ({ from, to }) => from.region !== "ap" && to.region !== "ap" && from.region !== to.region,
    );
    const end = stage.fault("wire-partial", "us-eu");
    for (const { wire } of wires) wire.blackhole(true);
    await stage.pass(CUT_MS);
    const startMs = clockMs();
    await stage.load(undefined);
    const elapsedMs = await stage.converge();
    const measured = elapsedMs === undefined ? "not in time" : msText(clockMs() - startMs);
    stage.check("L1 all agree while it is cut", elapsedMs !== undefined, measured);
    const group = stage.clients[0];
    await group?.kill();
    await reportDetections(stage, 1);
    for (const { wire } of wires) wire.blackhole(false);
    end();
    await reportConvergence(stage);
  },
};

export const wireStorm: Scenario = {
  name: "wire-storm",
  title: "20 s of jitter up to 500 ms, stalls and resets on all wires between regions",
  isShort: false,
  async run(stage) {
    await startUnderLoad(stage);
    const { wires } = stage.cluster;
    const end = stage.fault("wire-storm", "all");
    const untilMs = clockMs() + STORM_MS;
    let roundCount = 0;
    for (const { wire } of wires) wire.setDelay(WIRE_DELAY_MS, 500);
    for (; clockMs() < untilMs; roundCount += 1) {
      for (const [index, { wire }] of wires.entries()) {
        if ((index + roundCount) % 5 === 0) wire.reset();
        if ((index + roundCount) % 7 === 0) wire.stall();
        if ((index + roundCount) % 7 === 3) wire.resume();
      }
      await stage.pass(STORM_GAP_MS);
    }
    for (const { wire } of wires) {
      wire.setDelay(WIRE_DELAY_MS);
      wire.resume();
    }
    end();
    stage.measured("rounds of resets and stalls", `${roundCount} on ${wires.length} wires`);
    await endWithAgreement(stage);
  },
};

const SWALLOWER = fileURLToPath(new URL("./swallower.js", import.meta.url));
const FILLER_COUNT = 64;
const FILLED_AFTER_MS = 1_000;

/**
 * An address that drops SYNs: a process that listens, stands still and has a full backlog, so that
 * the kernel answers no more of them.
 */
async function startSwallower(stage: Stage): Promise<string> {
  const child = fork(SWALLOWER, { stdio: "inherit" });
  const [port] = (await once(child, "message")) as [number];
  child.kill("SIGSTOP");
  const fillers: Socket[] = [];
  stage.onClose(async () => {
    for (const socket of fillers) socket.destroy();
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  });
  let openedCount = 0;
  for (let count = 0; count < FILLER_COUNT; count += 1) {
    const socket = connect({ host: "127.0.0.1", port });
    socket.on("error", () => {});
    socket.on("connect", () => {
      openedCount += 1;
    });
    fillers.push(socket);
  }
  await stage.pass(FILLED_AFTER_MS);
  stage.check("the address drops SYNs", openedCount < FILLER_COUNT, `${openedCount} got in before`);
  return `127.0.0.1:${port}`;
}

export const blackholeSeed: Scenario = {
  name: "blackhole-seed",
  title: "a configured seed drops SYNs: servers start, serve, and tell of deaths as ever",
  isShort: false,
  async run(stage) {
    const address = await startSwallower(stage);
    const startMs = clockMs();
    const cluster = await stage.startCluster({ moreSeeds: [address] });
    stage.measured("nine servers ready and seeing each other", msText(clockMs() - startMs));
    await stage.startClients({ processCount: 3, sessionsEach: 30 });
    await stage.converge();
    await stage.load(LOAD);
    await stage.pass(CUT_MS);
    const delays: number[] = [];
    for (const { nodeId } of cluster.servers) {
      const name = 'fpzk_event_loop_delay_seconds{quantile="0.99"}';
      delays.push((await cluster.metric(nodeId, name)) * 1_000);
    }
    stage.measured("p99 delay of the servers' event loops", spreadText(delays));
    await stage.clients[0]?.kill();
    await reportDetections(stage, 30);
    await endWithAgreement(stage);
  },
};
