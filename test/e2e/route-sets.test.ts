/** Routes in the registry: one write in one region, and every proxy of every region goes by it. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect, type FpzkClient } from "@fpzk/client";
import { directoryFromClient, type RunningProxy, startProxy } from "@fpzk/proxy";
import { RealCluster, until } from "./real-cluster.js";

const REGIONS = ["us", "eu"];
const WIRE_DELAY_MS = 40;

describe("route sets, two regions, two proxies each", { timeout: 120_000 }, () => {
  let cluster: RealCluster;
  let folder: string;
  const proxies: { region: string; proxy: RunningProxy }[] = [];
  const endings: (() => unknown)[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "fpzk-routes-"));
    cluster = await RealCluster.start({
      regions: REGIONS,
      nodesPerRegion: 1,
      wireDelayMs: WIRE_DELAY_MS,
    });
    await startInstances(await cluster.client("us"), "shop-a", "shop-b");
    for (const region of [...REGIONS, ...REGIONS]) {
      const client = await cluster.client(region);
      proxies.push({ region, proxy: await startFollower(client) });
    }
  });

  after(async () => {
    for (const { proxy } of proxies) await proxy.close({ drainMs: 0 });
    for (const end of endings.reverse()) await end();
    await cluster?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** One instance for each service, which answers with its service's name. */
  async function startInstances(client: FpzkClient, ...services: string[]): Promise<void> {
    for (const service of services) {
      const server = createServer((_request, response) => response.end(service));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      endings.push(() => server.close());
      const { port } = server.address() as AddressInfo;
      await client.register({ service, endpoints: [{ host: "127.0.0.1", port, reach: "public" }] });
    }
  }

  async function startFollower(client: FpzkClient, file?: string): Promise<RunningProxy> {
    const proxy = await startProxy({
      port: 0,
      directory: directoryFromClient(client),
      routeSets: file === undefined ? {} : { file },
    });
    await proxy.ready();
    return proxy;
  }

  function put(nodeId: string, name: string, routes: readonly object[]) {
    const path = `/v1/route-sets/${name}`;
    return cluster.request(nodeId, path, { method: "PUT", body: { routes } });
  }

  async function answerOf(proxy: RunningProxy): Promise<string> {
    const answer = await fetch(`${proxy.url}/`);
    return answer.status === 200 ? answer.text() : `${answer.status}`;
  }

  test("a write in one region is followed everywhere, and no request fails at the switch", async (t) => {
    for (const { proxy } of proxies) assert.equal(await answerOf(proxy), "404");
    assert.equal((await put("us-1", "web", [{ service: "shop-a" }])).status, 201);
    await until("all proxies route to shop-a", 10_000, async () => {
      const answers = await Promise.all(proxies.map(({ proxy }) => answerOf(proxy)));
      return answers.every((answer) => answer === "shop-a");
    });
    const start = performance.now();
    assert.equal((await put("eu-1", "web", [{ service: "shop-b" }])).status, 200);
    const switches = proxies.map(async ({ region, proxy }) => {
      for (;;) {
        const answer = await answerOf(proxy);
        if (answer === "shop-b") return `${region} ${Math.round(performance.now() - start)} ms`;
        assert.equal(answer, "shop-a", "no request fails while the table changes");
      }
    });
    t.diagnostic(`written in eu, followed after: ${(await Promise.all(switches)).join(", ")}`);
  });

  test("what no proxy could follow, or another set has, is refused by name", async () => {
    const wrong = await put("us-1", "bad", [{ service: "shop-a", pathPrefix: "x" }]);
    assert.equal(wrong.status, 400);
    assert.match(JSON.stringify(wrong.body), /routes\[0\]\.pathPrefix .* must be a path/);
    const taken = await put("us-1", "other", [{ service: "shop-a" }]);
    assert.equal(taken.status, 409);
    assert.match(JSON.stringify(taken.body), /same requests as one of route set web/);
    for (const { proxy } of proxies) assert.equal(await answerOf(proxy), "shop-b");
  });

  test("with every server gone, a proxy that starts routes as the last one did", async () => {
    const file = join(folder, "routes.json");
    const client = await cluster.client("us", { snapshotDirectory: folder });
    const first = await startFollower(client, file);
    assert.equal(await answerOf(first), "shop-b");
    // Its end saves the views of what is still subscribed to.
    await client.close();
    await first.close({ drainMs: 0 });
    for (const { nodeId } of cluster.servers) await cluster.stopServer(nodeId, "SIGKILL");
    for (const { proxy } of proxies) assert.equal(await answerOf(proxy), "shop-b");
    const { address } = cluster.server("us-1");
    const cut = await connect({ servers: [address], snapshotDirectory: folder });
    endings.push(() => cut.close());
    const later = await startFollower(cut, file);
    endings.push(() => later.close({ drainMs: 0 }));
    assert.equal(await answerOf(later), "shop-b");
  });
});
