/** Disks that are full, files that are torn, clocks that jump. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../e2e/real-cluster.js";
import { msText } from "../figures.js";
import { clockMs } from "../log-line.js";
import { type Scenario, SkippedError } from "../scenario.js";
import type { Stage } from "../stage.js";
import { reportConvergence, reportDetections } from "./kills.js";

const LOAD = { changeIntervalMs: 100, pickIntervalMs: 50 };
const SNAPSHOT_TIMEOUT_MS = 30_000;
const DISK_KIB = 256;
const HOUR_MS = 3_600_000;

function dataFlags(stage: Stage): (nodeId: string) => readonly string[] {
  return (nodeId) => ["--data-directory", dataFolder(stage, nodeId), "--snapshot-interval", "1s"];
}

function dataFolder(stage: Stage, nodeId: string): string {
  return join(stage.folder, `data-${nodeId}`);
}

/** A file system of a few KiB in the place of one server's data folder. */
function mountSmallDisk(stage: Stage, nodeId: string): string {
  const folder = dataFolder(stage, nodeId);
  mkdirSync(folder, { recursive: true });
  if (process.getuid?.() !== 0)
    throw new SkippedError("skipped: needs root, to mount a small disk");
  const options = ["-t", "tmpfs", "-o", `size=${DISK_KIB}k`, "none", folder];
  const { status, stderr } = spawnSync("mount", options, { encoding: "utf8" });
  if (status !== 0) throw new SkippedError(`skipped: mount said ${stderr.trim()}`);
  stage.onClose(() => {
    spawnSync("umount", [folder]);
  });
  return folder;
}

export const fullDisk: Scenario = {
  name: "full-disk",
  title: "the data folder of a server is full: it serves, says so, and restarts with it full",
  isShort: false,
  async run(stage) {
    const folder = mountSmallDisk(stage, "us-1");
    const cluster = await stage.startCluster({ flags: dataFlags(stage) });
    await stage.startClients({ processCount: 3, sessionsEach: 30 });
    await stage.converge();
    await stage.load(LOAD);
    const filler = join(folder, "filler");
    const end = stage.fault("disk-full", "us-1");
    fill(filler);
    const failureCount = () => cluster.metric("us-1", "fpzk_snapshot_failures_total");
    await until("a snapshot failed", SNAPSHOT_TIMEOUT_MS, async () => (await failureCount()) > 0);
    stage.check("snapshots that failed are counted", true, `${await failureCount()}`);
    await stage.clients[0]?.kill();
    await reportDetections(stage, 30);
    await cluster.signal("us-1", "SIGTERM");
    cluster.start("us-1");
    const startMs = clockMs();
    const didStart = await cluster.ready("us-1").then(
      () => true,
      () => false,
    );
    const words = didStart ? msText(clockMs() - startMs) : cluster.logTail("us-1").slice(-300);
    stage.check("it starts again with the disk full", didStart, words);
    rmSync(filler);
    if (!didStart) {
      cluster.start("us-1");
      await cluster.ready("us-1");
    }
    end();
    const snapshotCount = () => cluster.metric("us-1", "fpzk_snapshots_total");
    await until("a snapshot was written", SNAPSHOT_TIMEOUT_MS, async () => {
      return (await snapshotCount()) > 0;
    });
    stage.check("with room again snapshots are written", true, `${await snapshotCount()}`);
    await stage.load(undefined);
    await reportConvergence(stage);
  },
};

/** Takes all room that is left. */
function fill(path: string): void {
  const block = Buffer.alloc(1_024);
  const blocks: Buffer[] = [];
  for (let count = DISK_KIB; count > 0; count -= 1) {
    try {
      blocks.push(block);
      writeFileSync(path, block, { flag: "a" });
    } catch {
      return;
    }
  }
}

/** Ways to harm a snapshot, each as a crash or a bad disk may. */
const HARMS: readonly (readonly [nodeId: string, what: string, harm: (path: string) => void])[] = [
  ["us-1", "cut in the middle", (path) => truncateSync(path, readFileSync(path).length >> 1)],
  ["eu-1", "a flipped bit", flipBit],
  ["ap-1", "empty", (path) => truncateSync(path, 0)],
];

function flipBit(path: string): void {
  const bytes = readFileSync(path);
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

export const corruptSnapshot: Scenario = {
  name: "corrupt-snapshot",
  title: "killed servers find their snapshots cut, flipped and empty when they start",
  isShort: false,
  async run(stage) {
    const cluster = await stage.startCluster({ flags: dataFlags(stage) });
    await stage.startClients({ processCount: 3, sessionsEach: 30 });
    await stage.converge();
    await stage.load(LOAD);
    for (const [nodeId, what, harm] of HARMS) {
      const count = () => cluster.metric(nodeId, "fpzk_snapshots_total");
      await until("a snapshot", SNAPSHOT_TIMEOUT_MS, async () => (await count()) > 0);
      const end = stage.fault("server-kill", nodeId);
      await cluster.signal(nodeId, "SIGKILL");
      harm(join(dataFolder(stage, nodeId), "table.snapshot"));
      cluster.start(nodeId);
      await cluster.ready(nodeId);
      await cluster.seesAll();
      end();
      const [line = ""] = cluster.logLines(nodeId, "snapshot.corrupt");
      stage.check(`${what}: set aside and said`, line !== "", reasonOf(line));
    }
    await stage.load(undefined);
    await reportConvergence(stage);
  },
};

function reasonOf(line: string): string {
  return /"reason":"([^"]*)"/.exec(line)?.[1] ?? "not in the log";
}

export const clockSteps: Scenario = {
  name: "clock-steps",
  title: "wall clocks of three servers jump by an hour ahead, an hour back, and to and fro",
  isShort: false,
  async run(stage) {
    const cluster = await stage.startCluster({ flags: dataFlags(stage) });
    await stage.startClients({ processCount: 3, sessionsEach: 30 });
    await stage.converge();
    await stage.load(LOAD);
    const end = stage.fault("clock-step", "us-1, eu-1, ap-1");
    cluster.shiftClock("us-1", HOUR_MS);
    cluster.shiftClock("eu-1", -HOUR_MS);
    for (const shiftMs of [HOUR_MS, -HOUR_MS, 0]) {
      cluster.shiftClock("ap-1", shiftMs);
      await stage.pass(2_000);
    }
    await stage.clients[0]?.kill();
    await reportDetections(stage, 30);
    // A server that starts with a clock that was set back takes a higher generation all the same.
    await cluster.signal("eu-1", "SIGKILL");
    cluster.start("eu-1");
    await cluster.ready("eu-1");
    await cluster.seesAll();
    cluster.shiftClock("us-1", 0);
    end();
    await stage.load(undefined);
    await reportConvergence(stage);
  },
};
