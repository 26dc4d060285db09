/** Programs that end, stand still, move, share an id, or do not read. */
import { REGIONS } from "../history/swarm.js";
import { Damage } from "../world/disk.js";
import type { Fault } from "./fault.js";

/** A process that lost its id is ended in the end, so that they do not pile up. */
const USURPED_LIFE_MS = 25_000;

export const CLIENT_FAULTS: readonly Fault[] = [
  {
    name: "crash-client",
    weight: 4,
    strike: (stage) => {
      const player = stage.pickPlayer();
      if (player === undefined) return undefined;
      const { id } = player.client;
      const isHostLost = stage.draw.chance(0.3);
      const durationMs = stage.draw.durationMs(100, 12_000);
      stage.crashPlayer(player, isHostLost);
      stage.later(durationMs, () => stage.cast.start(player, stage.draw));
      return `${id}${isHostLost ? " with its host" : ""} for ${durationMs} ms`;
    },
  },
  {
    // Back before anybody missed it, with nothing but its id.
    name: "start-within-lease",
    weight: 3,
    strike: (stage) => {
      const player = stage.pickWanted();
      if (player === undefined) return undefined;
      const { id } = player.client;
      stage.crashPlayer(player, stage.draw.chance(0.7));
      stage.later(stage.draw.durationMs(1, 1_500), () => stage.cast.start(player, stage.draw));
      return id;
    },
  },
  {
    name: "freeze-client",
    weight: 3,
    strike: (stage) => {
      const player = stage.pickPlayer();
      if (player === undefined) return undefined;
      const durationMs = stage.draw.durationMs(300, 30_000);
      stage.world.freeze(player.client, durationMs);
      return `${player.client.id} for ${durationMs} ms`;
    },
  },
  {
    name: "stop-reading",
    weight: 2,
    strike: (stage) => {
      const player = stage.pickPlayer();
      if (player === undefined) return undefined;
      const durationMs = stage.draw.durationMs(500, 20_000);
      player.client.stopReading(durationMs);
      return `${player.client.id} for ${durationMs} ms`;
    },
  },
  {
    // A second process with the same instance: the later must win, the earlier must stop.
    name: "usurp",
    weight: 2,
    strike: (stage) => {
      const player = stage.pickWanted();
      if (player === undefined) return undefined;
      const { world, cast, draw } = stage;
      const { client } = player;
      (player as { client: typeof client | undefined }).client = undefined;
      const isSameClientId = draw.chance(0.5);
      cast.start(player, draw, isSameClientId ? client.id : undefined);
      stage.later(USURPED_LIFE_MS, () => {
        if (world.clients.get(client.id) === client) world.crashClient(client.id);
      });
      return `${client.id}${isSameClientId ? " by one of the same client id" : ""}`;
    },
  },
  {
    // It goes to another region with all it has: connections die, the id stays.
    name: "roam",
    weight: 2,
    strike: (stage) => {
      const player = stage.pickPlayer();
      if (player === undefined) return undefined;
      const { client } = player;
      const region = stage.draw.pick(REGIONS);
      stage.world.network.place(client.id, region);
      for (const socket of [...client.sockets]) {
        socket.vanish();
        client.whenAwake(() => socket.events.closed());
      }
      return `${client.id} to ${region}`;
    },
  },
  {
    name: "spoil-views",
    weight: 1,
    strike: (stage) => {
      const player = stage.pickPlayer();
      if (player?.disk === undefined) return undefined;
      player.disk.damage(stage.draw.pick(Object.values(Damage)), stage.draw.between(0, 1));
      const { id } = player.client;
      stage.crashPlayer(player, false);
      stage.later(stage.draw.durationMs(100, 3_000), () => stage.cast.start(player, stage.draw));
      return id;
    },
  },
];
