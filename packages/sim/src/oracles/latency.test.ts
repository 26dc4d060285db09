import assert from "node:assert/strict";
import { test } from "node:test";
import type { RegistryRecord } from "@fpzk/core";
import { forgedClient, forgedNode, forgedRecord, Trial, viewChange } from "./forged.fixture.js";
import { BUDGET_MS, Latency } from "./latency.js";
import { WrittenRecords } from "./written-records.js";

/** Wires: 60 ms between regions, 1 ms inside. */
const WIRES_MS = 60 + 1 + 1;

function newCase() {
  const trial = new Trial();
  const [us, eu] = [forgedNode("us-1"), forgedNode("eu-1")];
  const nodes = new Map([us, eu, forgedNode("eu-2")].map((node) => [node.id, node]));
  const delayMs = (from: string, to: string) => (isUs(from) === isUs(to) ? 1 : 60);
  const written = new WrittenRecords(() => trial.now());
  const oracle = new Latency(trial, written, { nodes, network: { delayMs } });
  const held: RegistryRecord[] = [];
  const view = { region: "eu", position: [], recordsOf: () => held };
  const client = {
    ...forgedClient("p1", "eu"),
    machine: { view: () => view, connectedNodeId: "eu-1" },
    viewStates: new Map([["orders", { isCurrent: true }]]),
  };
  oracle.viewState(client, "orders", { isCurrent: true });
  /** A change written now that shows after some time. */
  const change = (version: number, tookMs: number) => {
    const record = forgedRecord("us-1", version);
    trial.at += 1_000;
    written.stored(us, record);
    trial.at += tookMs;
    held.splice(0, 1, record);
    oracle.viewChanged(client, viewChange("updated", record));
  };
  return { trial, oracle, client, change };
}

const isUs = (host: string) => host.startsWith("us");

test("Q sees that more than one change in a hundred took long", () => {
  const { trial, oracle, change } = newCase();
  oracle.calm();
  for (let version = 1; version <= 99; version += 1) change(version, WIRES_MS + BUDGET_MS);
  change(100, WIRES_MS + 500);
  oracle.storm();
  assert.deepEqual(trial.complaints, []);
  oracle.calm();
  change(101, WIRES_MS + BUDGET_MS + 1);
  oracle.storm();
  assert.deepEqual(trial.complaints, ["Q"]);
});

test("Q leaves out storms, and views that were not current when the change was made", () => {
  const { trial, oracle, client, change } = newCase();
  change(1, 5_000);
  oracle.calm();
  oracle.viewState(client, "orders", { isCurrent: false });
  change(2, 5_000);
  oracle.storm();
  assert.deepEqual(trial.complaints, []);
  assert.deepEqual(oracle.extrasMs, []);
});
