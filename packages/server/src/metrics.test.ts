import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";
import { CLUSTER, NODE, startEdge } from "./edge.test.support.js";
import { silentLogger } from "./logger.js";
import { startServer } from "./start-server.js";

const DOCUMENT = new URL("../../../docs/metrics.md", import.meta.url);

interface Family {
  readonly name: string;
  readonly type: string;
}

/** Families of the text exposition format. */
function familiesOf(text: string): Family[] {
  return [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map((match) => ({
    name: match[1] ?? "",
    type: match[2] ?? "",
  }));
}

test("docs/metrics.md lists exactly the metrics that a node shows", async () => {
  await using edge = await startEdge();
  const families = familiesOf(await edge.server.metricsText());
  const document = await readFile(DOCUMENT, "utf8");
  const rows = [...document.matchAll(/^\| `(fpzk_\w+)` \| (\w+) \|/gm)].map((match) => ({
    name: match[1] ?? "",
    type: match[2] ?? "",
  }));
  const byName = (a: Family, b: Family) => (a.name < b.name ? -1 : 1);
  assert.ok(families.length >= 30, `${families.length} families`);
  assert.deepEqual(rows.sort(byName), families.sort(byName));
});

test("counters show what happened, and rates can be taken of them", async () => {
  await using edge = await startEdge();
  const value = async (name: string) => {
    const text = await edge.server.metricsText();
    return Number(new RegExp(`^${name.replace(/[{}"]/g, "\\$&")} (\\S+)$`, "m").exec(text)?.[1]);
  };
  await edge.node.expect("turn-end");
  assert.ok((await value("fpzk_events_total")) >= 2);
  assert.ok((await value("fpzk_turns_total")) >= 1);
  assert.equal(await value('fpzk_core_events_total{event="repairRounds"}'), 3);
  assert.equal(await value("fpzk_ready"), 1);
  assert.equal(await value('fpzk_instances{state="up"}'), 0);
});

test("docs/metrics.md names exactly core's counters", async () => {
  const server = await startServer({ cluster: CLUSTER, node: NODE, logger: silentLogger });
  const text = await server.metricsText();
  await server.close();
  const shown = [...text.matchAll(/^fpzk_core_events_total\{event="(\w+)"\}/gm)].map(
    (match) => match[1],
  );
  const document = await readFile(DOCUMENT, "utf8");
  const section = /Events of `fpzk_core_events_total`:([^#]*)/.exec(document)?.[1] ?? "";
  const cells = [...section.matchAll(/^\| (`.*?`) \|/gm)].map((match) => match[1] ?? "");
  const named = cells.flatMap((cell) => cell.replaceAll("`", "").split(", "));
  assert.deepEqual(named.sort(), shown.sort());
});
