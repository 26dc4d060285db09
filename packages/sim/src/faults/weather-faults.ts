/** Networks that work, badly. */
import type { Stage } from "../history/stage.js";
import { REGIONS } from "../history/swarm.js";
import type { Ways } from "../world/network.js";
import type { Weather } from "../world/weather.js";
import type { Fault } from "./fault.js";

interface Place {
  readonly name: string;
  readonly ways: Ways;
}

/** All ways, those of one region, or those of one host. */
function drawPlace({ world, draw, cast }: Stage): Place {
  const kind = draw.pick(["all", "region", "node", "client"] as const);
  if (kind === "all") return { name: "everywhere", ways: () => true };
  if (kind === "region") {
    const region = draw.pick(REGIONS);
    const { network } = world;
    const ways: Ways = (from, to) =>
      network.regionOf(from) === region || network.regionOf(to) === region;
    return { name: region, ways };
  }
  const clients = cast.players().map(({ client }) => client.id);
  const host = draw.maybe(kind === "node" ? cast.nodeIds : clients) ?? "us-1";
  return { name: host, ways: (from, to) => from === host || to === host };
}

function weatherFault(
  name: string,
  weight: number,
  drawWeather: (stage: Stage) => Partial<Weather>,
): Fault {
  return {
    name,
    weight,
    strike: (stage) => {
      const place = drawPlace(stage);
      const durationMs = stage.draw.durationMs(1_000, 15_000);
      stage.later(durationMs, stage.world.network.worsen(place.ways, drawWeather(stage)));
      return `${place.name} for ${durationMs} ms`;
    },
  };
}

export const WEATHER_FAULTS: readonly Fault[] = [
  weatherFault("loss", 2, ({ draw }) => ({ lossRatio: draw.between(0.005, 0.2) })),
  weatherFault("duplication", 2, ({ draw }) => ({ duplicateRatio: draw.between(0.05, 0.5) })),
  weatherFault("reordering", 2, ({ draw }) => ({ reorderRatio: draw.between(0.05, 0.5) })),
  weatherFault("jitter", 2, ({ draw }) => ({ jitterMs: draw.durationMs(10, 500) })),
  weatherFault("delay", 2, ({ draw }) => ({ delayMs: draw.durationMs(50, 2_000) })),
  weatherFault("slow-line", 2, ({ draw }) => ({ bytesPerMs: draw.between(0.05, 5) })),
];
