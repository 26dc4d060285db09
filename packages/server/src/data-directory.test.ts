import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { EMPTY_DIGEST } from "@fpzk/core";
import { openDataDirectory } from "./data-directory.js";
import { CLUSTER, NODE, RawClient } from "./edge.test.support.js";
import { type LogFields, type Logger, silentLogger } from "./logger.js";
import type { RunningServer } from "./node-server.js";
import { startServer } from "./start-server.js";

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "fpzk-data-"));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function start(dataDirectory: string, logger: Logger = silentLogger): Promise<RunningServer> {
  const node = { ...NODE, nodeId: "a", dataDirectory };
  // A short ttl, because a node that restored waits for one before it answers alone.
  const cluster = { ...CLUSTER, sessionTtlMs: 60, heartbeatIntervalMs: 20, reconnectGraceMs: 10 };
  return startServer({ cluster, node, logger });
}

const ROOT = {
  name: "root",
  grantsOf: () => ({ mayRead: true, mayRegister: true, mayOperate: true }),
};

test("a node that restarts knows what it knew, under a higher generation", async () => {
  await inFolder(async (folder) => {
    const first = await start(folder);
    const { generation } = first.port.state();
    await first.port.register(ROOT, {
      namespace: "default",
      service: "cart",
      id: "cart-1",
      description: {
        group: "",
        version: "",
        region: "eu",
        zone: "a",
        endpoints: [],
        weight: 100,
        metadata: {},
        startWallTime: 0,
      },
      scope: 0,
      state: 0,
      ttlMs: 60_000,
    });
    await first.close();
    const second = await start(folder);
    assert.ok(second.port.state().generation > generation);
    const client = await RawClient.open(Number(second.address.split(":")[1]));
    client.hello();
    await client.receive("welcome");
    // Answered when the node is ready.
    client.send({
      type: "watch",
      requestId: 1,
      service: "cart",
      position: [],
      digest: EMPTY_DIGEST,
    });
    const snapshot = await client.receive("snapshot");
    const ids = snapshot.groups.flatMap((group) => group.records.map((record) => record.id));
    assert.deepEqual(ids, ["cart-1"]);
    client.ws.terminate();
    await second.close();
  });
});

test("a corrupt snapshot is set aside with a warning, and the node starts", async () => {
  await inFolder(async (folder) => {
    await writeFile(join(folder, "table.snapshot"), "not a snapshot, but long enough to be one ?");
    const warnings: [string, LogFields | undefined][] = [];
    const logger = {
      ...silentLogger,
      warn: (event: string, fields?: LogFields) => warnings.push([event, fields]),
    };
    const server = await start(folder, logger);
    await server.close();
    const [warning] = warnings.filter(([event]) => event === "snapshot.corrupt");
    assert.match(String(warning?.[1]?.["movedTo"]), /table\.snapshot\.corrupt-\d+$/);
    const names = await readdir(folder);
    assert.ok(names.some((name) => name.includes(".corrupt-")));
    assert.ok(names.includes("table.snapshot"), "closing wrote a good one");
  });
});

test("files that a killed process left half written go, and broken ones do not pile up", async () => {
  await inFolder(async (folder) => {
    const unfinished = ["table.snapshot.tmp-17", "generation.json.tmp-17"];
    const setAsides = [1, 2, 3, 4].map((at) => `table.snapshot.corrupt-${at}`);
    for (const name of [...unfinished, ...setAsides, "notes.txt"]) {
      await writeFile(join(folder, name), "");
    }
    await writeFile(join(folder, "table.snapshot"), "broken");
    await openDataDirectory(folder, 5, silentLogger);
    assert.deepEqual((await readdir(folder)).sort(), [
      "generation.json",
      "notes.txt",
      ...[3, 4, 5].map((at) => `table.snapshot.corrupt-${at}`),
    ]);
  });
});
