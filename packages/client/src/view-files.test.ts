import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { InstanceState, RecordKind, RemovalReason, type SavedView, Scope } from "@fpzk/core";
import type { ClientNote } from "./api.js";
import { fakeBody } from "./fake-node.test.support.js";
import { ViewFiles } from "./view-files.js";

function view(service: string, count: number): SavedView {
  const origin = { nodeId: "n1", generation: 1, scope: Scope.global };
  const records = Array.from({ length: count }, (_, index) => ({
    ...{ kind: RecordKind.instance, scope: Scope.global, namespace: "default", service },
    ...{ id: `i${index}`, origin, version: index + 1, state: InstanceState.up, isSuspect: false },
    stamp: { incarnation: 1, session: 1, claim: 0 },
    ...{ reason: RemovalReason.none, since: 1, body: fakeBody(80, "h".repeat(200)) },
  }));
  return {
    region: "eu",
    ...{ type: "snapshot", requestId: 0, service, kind: "full", isFinal: true },
    groups: [{ origin, records }],
    position: [{ origin, version: count }],
    digest: { high: 1, low: 2 },
  };
}

function ids(saved: SavedView | undefined): string[] {
  return saved?.groups.flatMap((group) => group.records.map((record) => record.id)) ?? [];
}

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "fpzk-views-"));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

test("names of any kind make files, and none leaves the folder", async (t) => {
  const directory = await folder(t);
  const files = new ViewFiles(directory, "..", () => {});
  const services = ["..", "a b", "ü".repeat(100), "con*", ".hidden"];
  for (const service of services) files.save(view(service, 1));
  await files.flush();
  assert.deepEqual(await readdir(directory), ["ns-%2E%2E"]);
  const loaded = await new ViewFiles(directory, "..", () => {}).load();
  assert.deepEqual([...loaded.keys()].sort(), [...services].sort());
});

test("the newest of several saves is what stays", async (t) => {
  const directory = await folder(t);
  const files = new ViewFiles(directory, "default", () => {});
  for (const count of [1, 2, 3, 4]) files.save(view("orders", count));
  await files.flush();
  const loaded = await new ViewFiles(directory, "default", () => {}).load();
  assert.equal(ids(loaded.get("orders")).length, 4);
  assert.deepEqual(await readdir(join(directory, "ns-default")), ["orders.view"]);
});

test("a file that does not check is set aside and said", async (t) => {
  const directory = await folder(t);
  const notes: ClientNote[] = [];
  const files = new ViewFiles(directory, "default", (note) => notes.push(note));
  files.save(view("orders", 1));
  files.save(view("users", 1));
  await files.flush();
  const path = join(directory, "ns-default", "orders.view");
  const bytes = await readFile(path);
  await writeFile(path, bytes.subarray(0, bytes.length - 1));
  assert.deepEqual([...(await files.load()).keys()], ["users"]);
  assert.deepEqual(notes[0]?.event, "client.saved-view-refused");
  const names = await readdir(join(directory, "ns-default"));
  assert.deepEqual(names, ["orders.view.corrupt", "users.view"]);
});

test("a folder that cannot be written is noted, and nothing else", async (t) => {
  const directory = await folder(t);
  await writeFile(join(directory, "file"), "");
  const notes: ClientNote[] = [];
  const files = new ViewFiles(join(directory, "file"), "default", (note) => notes.push(note));
  files.save(view("orders", 1));
  await files.flush();
  assert.equal(notes[0]?.event, "client.save-failed");
  assert.equal((await files.load()).size, 0);
});
