/** Many programs at once: on purpose, by fault, or both. */
import type { Player } from "../history/cast.js";
import type { Stage } from "../history/stage.js";
import type { Fault } from "./fault.js";

const DEREGISTER_TIMEOUT_MS = 20_000;

/** Takes nine of ten instances down on purpose; returns how many. */
function scaleDown(stage: Stage): number {
  const { wanted } = stage.cast;
  const leaving = stage.draw.several(wanted, Math.floor(wanted.length * 0.9));
  for (const player of leaving) {
    const { client, service, id } = player;
    player.isWanted = false;
    client.command({ type: "deregister", service, id, timeoutMs: DEREGISTER_TIMEOUT_MS });
    stage.later(stage.draw.durationMs(3_000, 15_000), () => stage.cast.wish(player));
  }
  return leaving.length;
}

/** Kills so many programs; returns how many. */
function lose(stage: Stage, players: readonly Player[]): number {
  const isHostLost = stage.draw.chance(0.5);
  for (const player of players) {
    stage.crashPlayer(player, isHostLost);
    stage.later(stage.draw.durationMs(1_000, 15_000), () => stage.cast.start(player, stage.draw));
  }
  return players.length;
}

export const FLEET_FAULTS: readonly Fault[] = [
  {
    name: "scale-down",
    weight: 1,
    strike: (stage) => `${scaleDown(stage)} instances`,
  },
  {
    name: "lose-half",
    weight: 1,
    strike: (stage) => {
      const { wanted } = stage.cast;
      const lost = stage.draw.several(wanted, Math.floor(wanted.length / 2));
      return `${lose(stage, lost)} programs`;
    },
  },
  {
    name: "scale-down-and-lose-half",
    weight: 1,
    strike: (stage) => {
      const { wanted } = stage.cast;
      const lost = stage.draw.several(wanted, Math.floor(wanted.length / 2));
      const lostCount = lose(stage, lost);
      return `${scaleDown(stage)} instances of those that live, ${lostCount} programs`;
    },
  },
];
