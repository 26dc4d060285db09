/** One server with a data directory: what it knows after a crash, and with a broken or full disk. */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { RealCluster, until } from "./real-cluster.js";
import { ViewRecorder } from "./view-recorder.js";

const NODE = "us-1";
/** Also how long a server that restored something warms up. */
const SESSION_TTL = "2s";

describe("a server that keeps its state on disk", { timeout: 120_000 }, () => {
  let cluster: RealCluster;
  let folder: string;
  let dataDirectory: string;
  const recorders: ViewRecorder[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "fpzk-warm-"));
    dataDirectory = join(folder, "data");
    const flags = () => [
      ...["--data-directory", dataDirectory, "--snapshot-interval", "200ms"],
      ...["--cluster-session-ttl", SESSION_TTL, "--cluster-heartbeat-interval", "500ms"],
      ...["--cluster-orphan-suspect", "6s", "--cluster-orphan-ttl", "3s"],
    ];
    cluster = await RealCluster.start({ regions: ["us"], nodesPerRegion: 1, flags });
  });

  after(async () => {
    for (const recorder of recorders) await recorder.close();
    await cluster?.close();
    await rm(folder, { recursive: true });
  });

  async function watch(service: string): Promise<ViewRecorder> {
    const recorder = new ViewRecorder(await cluster.client("us"), service);
    recorders.push(recorder);
    await recorder.view.ready();
    return recorder;
  }

  async function readiness(): Promise<{ status: number; generation: number }> {
    const { status, body } = await cluster.request(NODE, "/readyz");
    return { status, generation: (body as { generation: number }).generation };
  }

  async function metric(name: string): Promise<number> {
    const { body } = await cluster.request(NODE, "/metrics");
    const line = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "m").exec(String(body));
    assert.ok(line?.[1] !== undefined, `${name} is a metric`);
    return Number(line[1]);
  }

  /** Waits for a snapshot that began after this call: the second from now. */
  async function nextSnapshot(): Promise<void> {
    const count = await metric("fpzk_snapshots_total");
    await until("two more snapshots", 10_000, async () => {
      return (await metric("fpzk_snapshots_total")) >= count + 2;
    });
  }

  async function restart(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    await cluster.stopServer(NODE, signal);
    cluster.server(NODE).log = "";
    cluster.startServer(NODE);
  }

  function livenessAtNode(service: string): Promise<Record<string, string>> {
    return cluster
      .query(NODE, service)
      .then((found) => Object.fromEntries(found.map(({ id, liveness }) => [id, liveness])));
  }

  async function ghost(service: string): Promise<ChildProcess> {
    return cluster.instance({ region: "us", service, id: "ghost" });
  }

  test("P4 P8 killed and started again: it warms up, then shows what it knew until owners speak", async () => {
    const service = "kept";
    const watcher = await watch(service);
    const provider = await cluster.client("us");
    await provider.register({ service, id: "native", endpoints: [{ port: 80 }] });
    const child = await ghost(service);
    const rest = `/v1/services/${service}/instances/rest`;
    const body = { ttl: "60s", endpoints: [{ host: "127.0.0.1", port: 81 }] };
    assert.equal((await cluster.request(NODE, rest, { method: "PUT", body })).status, 201);
    const all = "ghost,native,rest";
    await until("all are shown", 5_000, () => watcher.ids.join() === all);
    await nextSnapshot();
    const before = await readiness();
    watcher.watchMinimum();

    await cluster.stopServer(NODE, "SIGKILL");
    await until("the outage is noticed", 5_000, () => !watcher.view.status.isCurrent);
    assert.equal(watcher.ids.join(), all);
    assert.ok(watcher.view.pick() !== undefined, "callers go on");
    // What has died meanwhile cannot say so: nobody knows, so nobody removes it yet.
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;

    cluster.startServer(NODE);
    await until("it answers that it warms up", 10_000, async () => {
      return (await readiness()).status === 503;
    });
    const refused = await cluster.request(NODE, `/v1/services/${service}`);
    assert.equal(refused.status, 503);
    assert.equal((refused.body as { code: string }).code, "unavailable");
    const early = await cluster.client("us");
    await assert.rejects(early.query(service), { code: "unavailable" });
    const earlyView = early.subscribe(service);
    assert.equal(earlyView.status.isComplete, false, "knowing nothing is not knowing of none");
    assert.equal((await readiness()).status, 503, "all of that was while it warmed up");

    await cluster.ready(NODE);
    await earlyView.ready();
    assert.equal(earlyView.instances.map(({ id }) => id).join(), all, "complete at once");
    assert.ok((await readiness()).generation > before.generation, "the generation rose");
    await until("the native client is alive again", 10_000, () => {
      return watcher.livenessOf("native") === "alive";
    });
    assert.deepEqual(await livenessAtNode(service), {
      ghost: "orphaned",
      native: "alive",
      rest: "orphaned",
    });
    assert.ok(watcher.view.pick() !== undefined);

    assert.equal((await cluster.request(NODE, `${rest}/renew`, { method: "POST" })).status, 204);
    await until("the lease is alive again", 5_000, () => watcher.livenessOf("rest") === "alive");
    assert.deepEqual(watcher.removals, []);
    assert.equal(watcher.minimumCount, 3, "no view ever shrank");
    assert.match(cluster.server(NODE).log, /snapshot\.restored/);

    assert.equal((await cluster.request(NODE, rest, { method: "DELETE" })).status, 204);
    await until("who never came back is gone in the end", 20_000, () => {
      return watcher.ids.join() === "native";
    });
    assert.equal(watcher.livenessOf("native"), "alive");
    await early.close();
    await provider.close();
  });

  for (const [damage, harm] of [
    ["a flipped bit", flipBit],
    ["a cut end", cutEnd],
    ["nothing in it", (path: string) => truncate(path, 0)],
  ] as const) {
    test(`a snapshot with ${damage} is set aside, said, and costs only what it held`, async () => {
      const service = "damaged";
      const watcher = await watch(service);
      const provider = await cluster.client("us");
      await provider.register({ service, id: "d-1", endpoints: [{ port: 80 }] });
      await until("shown", 5_000, () => watcher.ids.length === 1);
      await nextSnapshot();
      const before = await readiness();
      await cluster.stopServer(NODE, "SIGKILL");
      watcher.watchMinimum();
      const asideCount = (await setAsideFiles()).length;
      await harm(join(dataDirectory, "table.snapshot"));
      cluster.server(NODE).log = "";
      cluster.startServer(NODE);
      await cluster.ready(NODE);
      assert.match(cluster.server(NODE).log, /"level":"warn"[^\n]*snapshot\.corrupt/);
      assert.equal((await setAsideFiles()).length, asideCount + 1);
      assert.ok((await readiness()).generation > before.generation);
      await until("the native client is back", 10_000, async () => {
        return (await livenessAtNode(service))["d-1"] === "alive";
      });
      await nextSnapshot();
      await until("the view is current", 10_000, () => watcher.view.status.isCurrent);
      assert.equal(watcher.minimumCount, 1, "the view kept it all the time");
      await provider.close();
      await watcher.close();
    });
  }

  test("a generation that cannot be read still rises", async () => {
    const before = await readiness();
    await cluster.stopServer(NODE, "SIGKILL");
    await writeFile(join(dataDirectory, "generation.json"), "\0garbage");
    cluster.startServer(NODE);
    await cluster.ready(NODE);
    assert.ok((await readiness()).generation > before.generation);
  });

  test("a disk that takes nothing costs the snapshots, not the service, and is said", async () => {
    const service = "diskless";
    const watcher = await watch(service);
    const failureCount = await metric("fpzk_snapshot_failures_total");
    // Not by rights: whoever runs the tests may be allowed everything.
    await rm(dataDirectory, { recursive: true });
    await writeFile(dataDirectory, "a file where the folder was");
    await until("the failures are counted", 10_000, async () => {
      return (await metric("fpzk_snapshot_failures_total")) >= failureCount + 2;
    });
    assert.match(cluster.server(NODE).log, /"level":"error"[^\n]*snapshot\.failed/);
    const provider = await cluster.client("us");
    await provider.register({ service, id: "n-1", endpoints: [{ port: 80 }] });
    await until("it serves as before", 5_000, () => watcher.livenessOf("n-1") === "alive");

    await rm(dataDirectory);
    await mkdir(dataDirectory);
    await nextSnapshot();
    await restart("SIGTERM");
    await cluster.ready(NODE);
    await until("it is served again", 10_000, async () => {
      return (await livenessAtNode(service))["n-1"] === "alive";
    });
    assert.deepEqual(watcher.removals, []);
    await provider.close();
  });

  test("a data directory that cannot be one ends the start with its name", async () => {
    await cluster.stopServer(NODE, "SIGTERM");
    await rm(dataDirectory, { recursive: true });
    await writeFile(dataDirectory, "a file where the folder was");
    cluster.server(NODE).log = "";
    cluster.startServer(NODE);
    const child = cluster.server(NODE).process;
    assert.ok(child !== undefined);
    await once(child, "close");
    assert.notEqual(child.exitCode, 0);
    assert.ok(cluster.server(NODE).log.includes(dataDirectory), cluster.server(NODE).log);
    cluster.server(NODE).process = undefined;
  });

  async function setAsideFiles(): Promise<string[]> {
    const names = await readdir(dataDirectory);
    return names.filter((name) => name.startsWith("table.snapshot.") && !name.includes(".tmp-"));
  }
});

async function flipBit(path: string): Promise<void> {
  const bytes = await readFile(path);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

async function cutEnd(path: string): Promise<void> {
  await truncate(path, Math.floor((await readFile(path)).length / 2));
}
