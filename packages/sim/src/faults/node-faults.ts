/** Nodes that end, stand still, come back, or come back as another release. */
import type { Stage } from "../history/stage.js";
import { REGIONS } from "../history/swarm.js";
import { Damage } from "../world/disk.js";
import { NEXT_RELEASE, OTHER_RELEASE, THIS_RELEASE } from "../world/release.js";
import type { Fault } from "./fault.js";

const HOUR_MS = 3_600_000;

/** Kills a node and starts it again after a while. */
function crashFor(stage: Stage, nodeId: string, isHostLost: boolean, durationMs: number): void {
  stage.world.crash(nodeId, isHostLost);
  stage.later(durationMs, () => stage.cast.startNode(nodeId, stage.draw));
}

/** Asks a node to leave; after a while it is killed if it has not, and started again. */
function restart(stage: Stage, nodeId: string, durationMs: number): void {
  const { world } = stage;
  const node = world.nodes.get(nodeId);
  node?.feed({ type: "shutdown" });
  stage.later(durationMs, () => {
    if (node !== undefined && world.nodes.get(nodeId) === node) world.crash(nodeId);
    stage.cast.startNode(nodeId, stage.draw);
  });
}

/** One node after the other. */
function restartInTurn(stage: Stage, nodeIds: readonly string[], each: (id: string) => void): void {
  const [nodeId, ...others] = nodeIds;
  if (nodeId === undefined) return;
  const durationMs = stage.draw.durationMs(800, 4_000);
  each(nodeId);
  restart(stage, nodeId, durationMs);
  stage.later(durationMs + stage.draw.durationMs(500, 2_000), () =>
    restartInTurn(stage, others, each),
  );
}

export const NODE_FAULTS: readonly Fault[] = [
  {
    name: "crash-node",
    weight: 3,
    strike: (stage) => {
      const node = stage.pickNode();
      if (node === undefined) return undefined;
      const isHostLost = stage.draw.chance(0.3);
      const durationMs = stage.draw.durationMs(200, 15_000);
      crashFor(stage, node.id, isHostLost, durationMs);
      return `${node.id}${isHostLost ? " with its host" : ""} for ${durationMs} ms`;
    },
  },
  {
    name: "crash-region",
    weight: 1,
    strike: (stage) => {
      const region = stage.draw.pick(REGIONS);
      const durationMs = stage.draw.durationMs(500, 15_000);
      const isHostLost = stage.draw.chance(0.5);
      for (const node of [...stage.world.nodes.values()]) {
        if (node.region === region) crashFor(stage, node.id, isHostLost, durationMs);
      }
      return `${region}${isHostLost ? " with its hosts" : ""} for ${durationMs} ms`;
    },
  },
  {
    name: "restart-node",
    weight: 2,
    strike: (stage) => {
      const node = stage.pickNode();
      if (node === undefined) return undefined;
      restart(stage, node.id, stage.draw.durationMs(800, 14_000));
      return node.id;
    },
  },
  {
    name: "freeze-node",
    weight: 3,
    strike: (stage) => {
      const node = stage.pickNode();
      if (node === undefined) return undefined;
      const durationMs = stage.draw.durationMs(300, 30_000);
      stage.world.freeze(node, durationMs);
      return `${node.id} for ${durationMs} ms`;
    },
  },
  {
    name: "wall-jump",
    weight: 2,
    strike: (stage) => {
      const process = stage.draw.maybe(stage.world.processes);
      if (process === undefined) return undefined;
      const jumpMs = Math.round(stage.draw.between(-HOUR_MS, HOUR_MS));
      process.wallAheadMs += jumpMs;
      return `${process.id} by ${jumpMs} ms`;
    },
  },
  {
    name: "lose-disk",
    weight: 2,
    strike: (stage) => strikeDisk(stage, undefined),
  },
  {
    name: "tear-disk",
    weight: 2,
    strike: (stage) => strikeDisk(stage, Damage.torn),
  },
  {
    name: "corrupt-disk",
    weight: 2,
    strike: (stage) => strikeDisk(stage, Damage.corrupt),
  },
  {
    // Between this release and the next one that speaks the same version, and back.
    name: "rolling-upgrade",
    weight: 1,
    strike: (stage) => {
      const isBack = [...stage.world.nodes.values()].some(({ release }) => release.addsFields);
      const release = isBack ? THIS_RELEASE : NEXT_RELEASE;
      const count = stage.draw.count(2, stage.cast.nodeIds.length);
      const nodeIds = stage.draw.several(stage.cast.nodeIds, count);
      restartInTurn(stage, nodeIds, (nodeId) => stage.cast.setRelease(nodeId, release));
      return `${nodeIds.join(", ")} ${isBack ? "back to this release" : "to the next"}`;
    },
  },
  {
    // A node that speaks another version is refused by all, and must not harm them.
    name: "other-version",
    weight: 1,
    strike: (stage) => {
      const node = stage.pickNode();
      if (node === undefined) return undefined;
      const { cast, draw } = stage;
      cast.setRelease(node.id, OTHER_RELEASE);
      stage.world.crash(node.id);
      cast.startNode(node.id, draw);
      const durationMs = draw.durationMs(1_000, 10_000);
      stage.later(durationMs, () => {
        cast.setRelease(node.id, THIS_RELEASE);
        restart(stage, node.id, 500);
      });
      return `${node.id} for ${durationMs} ms`;
    },
  },
];

/** A node ends, something happens to its disk, and it starts again. */
function strikeDisk(stage: Stage, damage: Damage | undefined): string | undefined {
  const node = stage.pickNode();
  if (node === undefined) return undefined;
  const disk = stage.cast.diskOf(node.id);
  if (damage === undefined) disk.wipe();
  else disk.damage(damage, stage.draw.between(0, 1));
  crashFor(stage, node.id, stage.draw.chance(0.3), stage.draw.durationMs(100, 8_000));
  return node.id;
}
