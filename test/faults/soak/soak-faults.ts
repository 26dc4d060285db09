/** The faults that a soak draws from: each begins, lasts a while, and is undone. */
import { existsSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { randomBelow, type SeededRandom } from "@fpzk/core";
import type { ClientGroup } from "../client-group.js";
import type { ServerWire } from "../fault-cluster.js";
import type { Stage } from "../stage.js";

/** What a soak lets its faults do. */
export interface SoakField {
  readonly stage: Stage;
  readonly random: SeededRandom;
  /** Processes that may be killed, with what takes their place. */
  readonly groups: ClientGroup[];
  /** Starts a process in the place of one that was killed, with the same ids or with new ones. */
  replace(group: ClientGroup, hasSameIds: boolean): Promise<void>;
  /** Starts a process that claims the id of one that lives. */
  claim(group: ClientGroup): Promise<void>;
  dataFolderOf(nodeId: string): string | undefined;
}

export interface SoakFault {
  readonly kind: string;
  readonly detail: string;
  /** Until it is undone. */
  readonly durationMs: number;
  readonly begin: () => Promise<void> | void;
  readonly end: () => Promise<void> | void;
}

type Draw = (field: SoakField) => SoakFault | undefined;

const WIRE_DELAY_MS = 20;
const HOUR_MS = 3_600_000;

/** Each with its share. */
const DRAWS: readonly (readonly [share: number, draw: Draw])[] = [
  [6, drawServerKill],
  [4, drawServerStop],
  [3, drawServerRestart],
  [1, drawRegionOutage],
  [5, drawClientKill],
  [5, drawClientStop],
  [2, drawClaim],
  [3, drawRegionCut],
  [3, drawOneWayCut],
  [3, drawPartialCut],
  [4, drawReset],
  [3, drawJitter],
  [3, drawStall],
  [3, drawClockStep],
];
const SHARE_SUM = DRAWS.reduce((sum, [share]) => sum + share, 0);

/** One fault by lot; undefined: the one drawn cannot be now. */
export function drawFault(field: SoakField): SoakFault | undefined {
  let rest = randomBelow(field.random, SHARE_SUM);
  for (const [share, draw] of DRAWS) {
    rest -= share;
    if (rest < 0) return draw(field);
  }
  return undefined;
}

function between(random: SeededRandom, minMs: number, maxMs: number): number {
  return minMs + randomBelow(random, maxMs - minMs);
}

function pick<T>(random: SeededRandom, all: readonly T[]): T | undefined {
  return all[randomBelow(random, Math.max(1, all.length))];
}

function drawServerKill(field: SoakField): SoakFault | undefined {
  const { random, stage } = field;
  const server = pick(random, stage.cluster.running);
  if (server === undefined) return undefined;
  const { nodeId } = server;
  const isCorrupted = randomBelow(random, 2) === 0;
  return {
    ...{ kind: "server-kill", detail: nodeId, durationMs: between(random, 500, 20_000) },
    begin: () => stage.cluster.signal(nodeId, "SIGKILL"),
    end: async () => {
      if (isCorrupted) tearSnapshot(field, nodeId);
      await restart(stage, nodeId);
    },
  };
}

function drawServerRestart({ random, stage }: SoakField): SoakFault | undefined {
  const server = pick(random, stage.cluster.running);
  if (server === undefined) return undefined;
  const { nodeId } = server;
  return {
    ...{ kind: "server-restart", detail: nodeId, durationMs: between(random, 100, 5_000) },
    begin: () => stage.cluster.signal(nodeId, "SIGTERM"),
    end: () => restart(stage, nodeId),
  };
}

function drawServerStop({ random, stage }: SoakField): SoakFault | undefined {
  const server = pick(random, stage.cluster.running);
  if (server === undefined) return undefined;
  const { nodeId } = server;
  return {
    ...{ kind: "server-stop", detail: nodeId, durationMs: between(random, 500, 30_000) },
    begin: () => stage.cluster.signal(nodeId, "SIGSTOP"),
    end: () => stage.cluster.signal(nodeId, "SIGCONT"),
  };
}

function drawRegionOutage({ random, stage }: SoakField): SoakFault | undefined {
  const region = pick(random, stage.cluster.regions);
  if (region === undefined) return undefined;
  const { cluster } = stage;
  const nodeIds = cluster.of(region).map((server) => server.nodeId);
  if (!nodeIds.every((nodeId) => cluster.running.includes(cluster.server(nodeId)))) {
    return undefined;
  }
  return {
    ...{ kind: "region-outage", detail: region, durationMs: between(random, 3_000, 15_000) },
    begin: async () => {
      await Promise.all(nodeIds.map((nodeId) => cluster.signal(nodeId, "SIGKILL")));
    },
    end: async () => {
      await Promise.all(nodeIds.map((nodeId) => restart(stage, nodeId)));
    },
  };
}

function drawClientKill(field: SoakField): SoakFault | undefined {
  const { groups, random } = field;
  const group = pick(random, groups);
  if (group === undefined || group.isStopped || !group.isRunning) return undefined;
  const hasSameIds = randomBelow(random, 2) === 0;
  return {
    ...{ kind: "client-kill", detail: group.name, durationMs: between(random, 200, 12_000) },
    begin: () => group.kill(),
    end: () => field.replace(group, hasSameIds),
  };
}

function drawClientStop({ groups, random }: SoakField): SoakFault | undefined {
  const group = pick(random, groups);
  if (group === undefined || group.isStopped || !group.isRunning) return undefined;
  return {
    ...{ kind: "client-stop", detail: group.name, durationMs: between(random, 500, 20_000) },
    begin: () => group.signal("SIGSTOP"),
    end: () => {
      if (group.isRunning) group.signal("SIGCONT");
    },
  };
}

function drawClaim(field: SoakField): SoakFault | undefined {
  const group = pick(
    field.random,
    field.groups.filter((each) => each.plan.programs.length === 1),
  );
  if (group === undefined || group.isStopped || !group.isRunning) return undefined;
  return {
    ...{ kind: "id-claim", detail: group.name, durationMs: 1_000 },
    begin: () => field.claim(group),
    end: () => {},
  };
}

function drawRegionCut({ random, stage }: SoakField): SoakFault | undefined {
  const region = pick(random, stage.cluster.regions);
  if (region === undefined) return undefined;
  const wires = stage.cluster.wiresOf(region);
  return wireFault("wire-cut-region", region, between(random, 2_000, 25_000), wires, (wire) =>
    wire.blackhole(true),
  );
}

function drawPartialCut({ random, stage }: SoakField): SoakFault | undefined {
  const [a = "", b = ""] = twoRegions(random, stage.cluster.regions);
  const wires = wiresBetween(stage, a, b);
  return wireFault("wire-partial", `${a}-${b}`, between(random, 2_000, 25_000), wires, (wire) =>
    wire.blackhole(true),
  );
}

function drawOneWayCut({ random, stage }: SoakField): SoakFault | undefined {
  const [a = "", b = ""] = twoRegions(random, stage.cluster.regions);
  const wires = wiresBetween(stage, a, b);
  const durationMs = between(random, 2_000, 25_000);
  return wireFault("wire-one-way", `${a}→${b}`, durationMs, wires, (wire, { from }) =>
    wire.cut(from.region === a ? "to-target" : "to-caller"),
  );
}

function drawStall({ random, stage }: SoakField): SoakFault | undefined {
  const server = pick(random, stage.cluster.servers);
  if (server === undefined) return undefined;
  const wires = stage.cluster.wires.filter(({ from, to }) => from === server || to === server);
  const durationMs = between(random, 500, 8_000);
  return wireFault("wire-stall", server.nodeId, durationMs, wires, (wire) => wire.stall());
}

function drawReset({ random, stage }: SoakField): SoakFault {
  const share = 1 + randomBelow(random, 4);
  const wires = stage.cluster.wires.filter((_, index) => index % share === 0);
  return wireFault("wire-reset", `1 of ${share}`, 500, wires, (wire) => wire.reset());
}

function drawJitter({ random, stage }: SoakField): SoakFault {
  const jitterMs = between(random, 50, 800);
  const durationMs = between(random, 3_000, 20_000);
  const { wires } = stage.cluster;
  return wireFault("wire-jitter", `${jitterMs} ms`, durationMs, wires, (wire) =>
    wire.setDelay(WIRE_DELAY_MS, jitterMs),
  );
}

function drawClockStep({ random, stage }: SoakField): SoakFault | undefined {
  const server = pick(random, stage.cluster.running);
  if (server === undefined) return undefined;
  const shiftMs = randomBelow(random, 2) === 0 ? HOUR_MS : -HOUR_MS;
  const { nodeId } = server;
  return {
    ...{ kind: "clock-step", detail: `${nodeId} ${shiftMs}`, durationMs: 5_000 },
    begin: () => stage.cluster.shiftClock(nodeId, shiftMs),
    // The step back is one more step.
    end: () => stage.cluster.shiftClock(nodeId, 0),
  };
}

function wireFault(
  kind: string,
  detail: string,
  durationMs: number,
  wires: readonly ServerWire[],
  apply: (wire: ServerWire["wire"], of: ServerWire) => void,
): SoakFault {
  return {
    ...{ kind, detail, durationMs },
    begin: () => {
      for (const each of wires) apply(each.wire, each);
    },
    end: () => {
      for (const { wire } of wires) heal(wire);
    },
  };
}

function heal(wire: ServerWire["wire"]): void {
  wire.blackhole(false);
  wire.resume();
  wire.setDelay(WIRE_DELAY_MS);
}

function wiresBetween(stage: Stage, a: string, b: string): readonly ServerWire[] {
  return stage.cluster.wires.filter(
    ({ from, to }) =>
      (from.region === a && to.region === b) || (from.region === b && to.region === a),
  );
}

function twoRegions(random: SeededRandom, regions: readonly string[]): readonly string[] {
  const first = randomBelow(random, regions.length);
  const second = (first + 1 + randomBelow(random, regions.length - 1)) % regions.length;
  return [regions[first] ?? "", regions[second] ?? ""];
}

async function restart(stage: Stage, nodeId: string): Promise<void> {
  if (stage.cluster.server(nodeId).process !== undefined) return;
  stage.cluster.start(nodeId);
  await stage.cluster.answers(nodeId);
}

/** Cuts the end of a server's snapshot off, as a crash of the machine may. */
function tearSnapshot(field: SoakField, nodeId: string): void {
  const folder = field.dataFolderOf(nodeId);
  const path = folder === undefined ? "" : join(folder, "table.snapshot");
  if (!existsSync(path)) return;
  truncateSync(path, 40);
}
