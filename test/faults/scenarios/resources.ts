/** Servers that run out of memory, of file descriptors, and subscribers that do not read. */
import { spawnSync } from "node:child_process";
import { connect, type Socket } from "node:net";
import { until } from "../../e2e/real-cluster.js";
import type { ClientGroup } from "../client-group.js";
import { mebibyteText, msText, spreadText } from "../figures.js";
import { clockMs } from "../log-line.js";
import { type Scenario, SkippedError } from "../scenario.js";
import type { Stage } from "../stage.js";
import { reportConvergence } from "./kills.js";

const LOAD = { changeIntervalMs: 200, pickIntervalMs: 50 };
const END_TIMEOUT_MS = 120_000;
const HEAP_MAX_MIB = 64;
const FILE_COUNT_MAX = 160;
const FLOOD_COUNT = 300;
const READ_PAUSE_MS = 60_000;

export const outOfMemory: Scenario = {
  name: "out-of-memory",
  title: "a server's heap fills up until V8 ends it while it holds sessions; they go elsewhere",
  isShort: false,
  async run(stage) {
    const cluster = await stage.startCluster({
      nodeFlags: (nodeId) => (nodeId === "us-2" ? [`--max-old-space-size=${HEAP_MAX_MIB}`] : []),
    });
    await stage.startClients({ processCount: 3, sessionsEach: 30 });
    await stage.converge();
    await stage.load(LOAD);
    const end = stage.fault("server-oom", "us-2");
    const startMs = clockMs();
    await cluster.exhaustHeap("us-2");
    stage.measured("from the first leak to its end", msText(clockMs() - startMs));
    const [line = ""] = cluster.logLines("us-2", "heap out of memory");
    stage.check("ended by V8 for want of heap", line !== "", line === "" ? "otherwise" : "yes");
    const endedMs = clockMs();
    await until("all sessions have another node", END_TIMEOUT_MS, () => {
      stage.readLogs();
      return !stage.checker.nodesWithSessions.has("us-2");
    });
    stage.measured("until all its sessions had another server", msText(clockMs() - endedMs));
    cluster.start("us-2");
    await cluster.ready("us-2");
    await cluster.seesAll();
    end();
    await stage.load(undefined);
    await reportConvergence(stage);
  },
};

export const fileDescriptors: Scenario = {
  name: "file-descriptors",
  title: `a server with ${FILE_COUNT_MAX} file descriptors gets ${FLOOD_COUNT} connections more than it has`,
  isShort: false,
  async run(stage) {
    if (spawnSync("prlimit", ["--version"]).status !== 0) {
      throw new SkippedError("skipped: needs prlimit");
    }
    const cluster = await stage.startCluster({
      under: (nodeId) => (nodeId === "us-2" ? ["prlimit", `--nofile=${FILE_COUNT_MAX}`] : []),
    });
    await stage.startClients({ processCount: 3, sessionsEach: 30 });
    await stage.converge();
    const end = stage.fault("server-descriptors", "us-2");
    const { host, port } = cluster.server("us-2");
    const sockets: Socket[] = [];
    for (let count = 0; count < FLOOD_COUNT; count += 1) {
      const socket = connect({ host, port });
      socket.on("error", () => {});
      // Keeps the connection: without a first byte a server ends it after seconds.
      socket.write("GET /");
      sockets.push(socket);
    }
    await stage.load(LOAD);
    await stage.pass(12_000);
    const openCount = sockets.filter((socket) => !socket.destroyed && !socket.connecting).length;
    stage.measured("connections that stand", `${openCount} of ${FLOOD_COUNT}`);
    const isRunning = cluster.server("us-2").process !== undefined;
    stage.check("the server runs on", isRunning, isRunning ? "yes" : cluster.logTail("us-2"));
    for (const socket of sockets) socket.destroy();
    const startMs = clockMs();
    await cluster.ready("us-2");
    await cluster.seesAll();
    stage.measured("it answers after they left", msText(clockMs() - startMs));
    end();
    await stage.load(undefined);
    await reportConvergence(stage);
  },
};

export const slowReaders: Scenario = {
  name: "slow-readers",
  title: "30 subscribers stop reading for a minute under load: they cost themselves only",
  isShort: false,
  async run(stage) {
    const cluster = await stage.startCluster();
    await stage.startClients({ processCount: 3, sessionsEach: 30 });
    const [slow] = await stage.startClients({ processCount: 1, sessionsEach: 30, watchEvery: 1 });
    await stage.converge();
    const load = { changeIntervalMs: 20, pickIntervalMs: 50 };
    const before = largestResident(stage);
    await loadOf(stage, slow, load);
    await stage.pass(10_000);
    stage.readLogs();
    const end = stage.fault("subscriber-stop", slow?.name ?? "");
    const pausedMs = clockMs();
    await slow?.ask({ type: "pause-reading", isPaused: true });
    let largest = 0;
    while (clockMs() - pausedMs < READ_PAUSE_MS) {
      await stage.pass(2_000);
      largest = Math.max(largest, largestResident(stage));
    }
    await slow?.ask({ type: "pause-reading", isPaused: false });
    end();
    const latencies = stage.checker.latencies.filter((each) => each.process !== slow?.name);
    const during = latencies.filter(({ at }) => at >= pausedMs);
    const earlier = latencies.filter(({ at }) => at < pausedMs);
    stage.measured("update → other views, before", spreadText(earlier.map((each) => each.ms)));
    stage.measured("update → other views, meanwhile", spreadText(during.map((each) => each.ms)));
    stage.measured("largest server, before", mebibyteText(before));
    const isBounded = largest < before + 200 * 1_048_576;
    stage.check("largest server, meanwhile", isBounded, mebibyteText(largest));
    let closedCount = 0;
    for (const { nodeId } of cluster.servers) {
      closedCount += await cluster.metric(nodeId, "fpzk_slow_sessions_closed_total");
    }
    stage.measured("sessions ended for not reading", `${closedCount}`);
    await stage.load(undefined);
    await reportConvergence(stage);
  },
};

/** Load by all but the slow ones, which only watch. */
async function loadOf(
  stage: Stage,
  slow: ClientGroup | undefined,
  load: { changeIntervalMs: number; pickIntervalMs: number },
): Promise<void> {
  const others = stage.clients.filter((group) => group !== slow);
  await Promise.all(others.map((group) => group.ask({ type: "load", load })));
}

function largestResident(stage: Stage): number {
  const { cluster } = stage;
  return Math.max(...cluster.servers.map(({ nodeId }) => cluster.residentBytes(nodeId)));
}
