/** A small real world for tests of oracles: nodes, and programs that register and watch. */
import { InstanceState, type NodeConfig, Scope } from "@fpzk/core";
import { bodyOf } from "../history/instance-body.js";
import type { SimClient } from "../world/sim-client.js";
import { World } from "../world/world.js";

export const SERVICE = "orders";

export interface SmallWorldOptions {
  readonly seed?: number;
  readonly config?: Partial<NodeConfig>;
  /** Called before the first node starts: for observers. */
  readonly prepare?: (world: World) => void;
}

/** Starts nodes `us-1`, `us-2`, … in each region, and lets them find each other. */
export function smallWorld(
  regions: Readonly<Record<string, number>>,
  options: SmallWorldOptions = {},
): World {
  const world = new World({ seed: options.seed ?? 1, config: options.config ?? {} });
  options.prepare?.(world);
  const seeds = Object.keys(regions).map((region) => `${region}-1`);
  for (const [region, count] of Object.entries(regions)) {
    for (let number = 1; number <= count; number += 1) {
      world.addNode({ nodeId: `${region}-${number}`, region, seeds });
    }
  }
  world.run(6_000);
  return world;
}

/** A program that watches {@link SERVICE} at one node. */
export function watcher(world: World, clientId: string, nodeId: string): SimClient {
  const region = nodeId.slice(0, nodeId.indexOf("-"));
  const client = world.addClient({ clientId, region, seeds: [nodeId] });
  client.watch(SERVICE);
  return client;
}

/** Asks for an instance of {@link SERVICE}. */
export function register(client: SimClient, id: string, scope: Scope = Scope.global): number {
  return client.command({
    type: "register",
    service: SERVICE,
    id,
    scope,
    state: InstanceState.up,
    timeoutMs: 30_000,
    body: bodyOf(client.region),
  });
}

/** What a program sees, as `id liveness`, sorted. */
export function seenBy(client: SimClient): string {
  return client
    .instances(SERVICE)
    .map(({ id, liveness }) => `${id} ${liveness}`)
    .join(", ");
}
