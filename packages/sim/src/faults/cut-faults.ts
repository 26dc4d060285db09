/** Cables that are cut: nothing arrives, and nobody is told. */
import type { Stage } from "../history/stage.js";
import { REGIONS } from "../history/swarm.js";
import type { Ways } from "../world/network.js";
import type { Fault } from "./fault.js";

const FLAP_COUNT_MAX = 20;

/** Both ways between two groups of hosts. */
function between(a: (host: string) => boolean, b: (host: string) => boolean): Ways {
  return (from, to) => (a(from) && b(to)) || (b(from) && a(to));
}

function inRegion({ world }: Stage, region: string): (host: string) => boolean {
  return (host) => world.network.regionOf(host) === region;
}

function among(hosts: readonly string[]): (host: string) => boolean {
  const members = new Set(hosts);
  return (host) => members.has(host);
}

/** Cuts for a while; returns what is told of it. */
function cutFor(stage: Stage, ways: Ways, durationMs: number, what: string): string {
  stage.later(durationMs, stage.world.network.cutWays(ways));
  return `${what} for ${durationMs} ms`;
}

export const CUT_FAULTS: readonly Fault[] = [
  {
    name: "cut-region",
    weight: 3,
    strike: (stage) => {
      const region = stage.draw.pick(REGIONS);
      const inside = inRegion(stage, region);
      const ways = between(inside, (host) => !inside(host));
      return cutFor(stage, ways, stage.draw.durationMs(1_000, 25_000), region);
    },
  },
  {
    // The two reach each other only through the third.
    name: "cut-regions-apart",
    weight: 3,
    strike: (stage) => {
      const [a = "", b = ""] = stage.draw.several(REGIONS, 2);
      const ways = between(inRegion(stage, a), inRegion(stage, b));
      return cutFor(stage, ways, stage.draw.durationMs(2_000, 30_000), `${a} and ${b}`);
    },
  },
  {
    name: "cut-region-one-way",
    weight: 2,
    strike: (stage) => {
      const [a = "", b = ""] = stage.draw.several(REGIONS, 2);
      const [fromA, toB] = [inRegion(stage, a), inRegion(stage, b)];
      const ways: Ways = (from, to) => fromA(from) && toB(to);
      return cutFor(stage, ways, stage.draw.durationMs(1_000, 20_000), `${a} to ${b}`);
    },
  },
  {
    name: "cut-one-way",
    weight: 3,
    strike: (stage) => {
      const { world, draw } = stage;
      const host = draw.pick([...world.nodes.keys(), ...world.clients.keys()]);
      const others = among(draw.some(world.network.hosts, 0.5));
      const ways: Ways = (from, to) => from === host && others(to);
      return cutFor(stage, ways, draw.durationMs(500, 15_000), `from ${host}`);
    },
  },
  {
    name: "isolate-node",
    weight: 3,
    strike: (stage) => {
      const nodeId = stage.draw.pick(stage.cast.nodeIds);
      const isNode = among(stage.cast.nodeIds);
      const withClients = stage.draw.chance(0.5);
      const ways = between(
        (host) => host === nodeId,
        (host) => host !== nodeId && (withClients || isNode(host)),
      );
      const what = `${nodeId} from ${withClients ? "all" : "nodes"}`;
      return cutFor(stage, ways, stage.draw.durationMs(500, 25_000), what);
    },
  },
  {
    // A reaches B and B reaches C, but A does not reach C.
    name: "cut-nodes-apart",
    weight: 3,
    strike: (stage) => {
      const [a = "", c = ""] = stage.draw.several(stage.cast.nodeIds, 2);
      const ways = between(
        (host) => host === a,
        (host) => host === c,
      );
      return cutFor(stage, ways, stage.draw.durationMs(1_000, 30_000), `${a} and ${c}`);
    },
  },
  {
    name: "cut-client",
    weight: 3,
    strike: (stage) => {
      const player = stage.pickPlayer();
      if (player === undefined) return undefined;
      const { client } = player;
      const isAll = stage.draw.chance(0.3);
      const nodeId = client.machine.connectedNodeId;
      const isNode = among(stage.cast.nodeIds);
      const ways = between(
        (host) => host === client.id,
        (host) => isNode(host) && (isAll || host === nodeId),
      );
      const what = `${client.id} from ${isAll ? "all nodes" : nodeId}`;
      return cutFor(stage, ways, stage.draw.durationMs(500, 20_000), what);
    },
  },
  {
    name: "flap",
    weight: 2,
    strike: (stage) => {
      const { draw, world } = stage;
      const nodeId = draw.pick(stage.cast.nodeIds);
      const others = among(draw.some(world.network.hosts, 0.7));
      const ways = between((host) => host === nodeId, others);
      const [downMaxMs, upMaxMs] = [draw.durationMs(100, 3_000), draw.durationMs(100, 3_000)];
      const flap = (left: number) => {
        const mend = world.network.cutWays(ways);
        stage.later(draw.between(50, downMaxMs), () => {
          mend();
          if (left > 1) stage.later(draw.between(50, upMaxMs), () => flap(left - 1));
        });
      };
      const count = draw.count(3, FLAP_COUNT_MAX);
      flap(count);
      return `${nodeId} ${count} times`;
    },
  },
];
