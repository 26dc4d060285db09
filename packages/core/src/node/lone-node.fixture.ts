/** One node on its own, and what it answers to a command. */
import assert from "node:assert/strict";
import { SeededRandom } from "../random.js";
import { MapRecordTable } from "../table/map-record-table.js";
import { type Instant, instant, type WallTime } from "../time.js";
import type { Command, CommandResult } from "./events.js";
import { NODE_CONFIG_DEFAULT } from "./node-config.js";
import { RegistryNode, type RegistryNodeOptions } from "./registry-node.js";

export const NOW: Instant = instant(0);

/** Runs a command that is answered in its own turn. */
export function runCommand(node: RegistryNode, command: Command): CommandResult {
  const effects = [
    ...node.step({ type: "command", commandId: 1, command }, NOW),
    ...node.step({ type: "turn-end" }, NOW),
  ];
  const result = effects.find((effect) => effect.type === "command-result");
  assert.ok(result, "the command was answered");
  return result.result;
}

/** A node without peers, unless `change` names seeds; on a table of objects. */
export function createLoneNode(change: Partial<RegistryNodeOptions> = {}): RegistryNode {
  const address = "127.0.0.1:7100";
  return new RegistryNode({
    nodeId: "a",
    generation: 1,
    region: "r",
    zone: "z",
    description: { region: "r", zone: "z", address, peerAddress: address, tls: false },
    encodedDescription: new Uint8Array([1]),
    seeds: [],
    config: NODE_CONFIG_DEFAULT,
    random: new SeededRandom(1),
    wallNow: () => 1_700_000_000_000 as WallTime,
    table: new MapRecordTable(),
    decodeNodeDescription: () => undefined,
    now: NOW,
    ...change,
  });
}
