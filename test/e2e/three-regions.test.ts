/** The main promises, on three regions of two real servers each. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { RegistrationHandle } from "@fpzk/client";
import { RealCluster, until } from "./real-cluster.js";
import { ViewRecorder } from "./view-recorder.js";

const REGIONS = ["us", "eu", "ap"];

describe("three regions of two servers", { timeout: 240_000 }, () => {
  let cluster: RealCluster;
  let isStarted = false;
  const recorders: ViewRecorder[] = [];

  before(async () => {
    cluster = await RealCluster.start();
    isStarted = true;
  });

  after(async () => {
    for (const recorder of recorders) await recorder.close();
    if (isStarted) await cluster.close();
  });

  async function watchEverywhere(service: string): Promise<ViewRecorder[]> {
    const mine: ViewRecorder[] = [];
    for (const region of REGIONS) {
      const recorder = new ViewRecorder(await cluster.client(region), service);
      await recorder.view.ready();
      mine.push(recorder);
    }
    recorders.push(...mine);
    return mine;
  }

  test("P3 a registration in one region shows in all, a kill is suspect at once, then gone", async () => {
    const watchers = await watchEverywhere("killed");
    const child = await cluster.instance({ region: "us", service: "killed", id: "k-1" });
    await until("all regions show the instance", 5_000, () =>
      watchers.every((watcher) => watcher.ids.includes("k-1")),
    );
    for (const server of cluster.servers) {
      const found = await cluster.query(server.nodeId, "killed");
      assert.deepEqual(
        found.map((instance) => instance.id),
        ["k-1"],
        `${server.nodeId} answers the same`,
      );
    }
    child.kill("SIGKILL");
    await until("all regions show it as suspect", 1_500, () =>
      watchers.every((watcher) => watcher.livenessOf("k-1") === "suspect"),
    );
    await until("all regions have removed it", 5_000, () =>
      watchers.every((watcher) => watcher.ids.length === 0),
    );
    for (const watcher of watchers) {
      assert.deepEqual(watcher.removals, [{ id: "k-1", reason: "connection-lost" }]);
    }
  });

  test("P7 a drain on SIGTERM is confirmed and leaves no suspicion", async () => {
    const watchers = await watchEverywhere("drained");
    const child = await cluster.instance({ region: "ap", service: "drained", id: "d-1" });
    await until("shown", 5_000, () => watchers.every((watcher) => watcher.ids.length === 1));
    child.kill("SIGTERM");
    await until("gone", 10_000, () => watchers.every((watcher) => watcher.ids.length === 0));
    for (const watcher of watchers) {
      const wasSuspect = watcher.recorded.some(
        ({ change }) => change.type === "updated" && change.instance.liveness === "suspect",
      );
      assert.equal(wasSuspect, false);
    }
  });

  test("P7 drain() resolves when the subscribers of every region have confirmed", async () => {
    const watchers = await watchEverywhere("confirmed");
    const provider = await cluster.client("eu");
    const handle = await provider.register({
      service: "confirmed",
      id: "c-1",
      endpoints: [{ port: 80 }],
    });
    await until("all pick it", 5_000, () =>
      watchers.every((watcher) => watcher.view.pick()?.instance.id === "c-1"),
    );
    const result = await handle.drain({ timeoutMs: 10_000 });
    assert.deepEqual(result, { confirmedCount: REGIONS.length, unconfirmed: [] });
    for (const watcher of watchers) assert.equal(watcher.view.pick(), undefined);
    await provider.close();
  });

  test("P6 a killed server removes no instance, and its clients are served by its neighbour", async () => {
    const watchers = await watchEverywhere("served");
    const provider = await cluster.client("us");
    await provider.register({ service: "served", id: "s-1", endpoints: [{ port: 80 }] });
    await until("shown", 5_000, () => watchers.every((watcher) => watcher.ids.length === 1));
    const owner = provider.connectedNodeId ?? "";
    for (const watcher of watchers) watcher.watchMinimum();
    await cluster.stopServer(owner, "SIGKILL");
    const neighbour = cluster.servers.find(
      (server) => server.region === "us" && server.nodeId !== owner,
    );
    await until("the client is served by the neighbour", 5_000, () => {
      return provider.connectedNodeId === neighbour?.nodeId;
    });
    await until("its instance is alive again everywhere", 5_000, () =>
      watchers.every((watcher) => watcher.livenessOf("s-1") === "alive"),
    );
    for (const watcher of watchers) {
      assert.deepEqual(watcher.removals, []);
      assert.equal(watcher.minimumCount, 1);
    }
    cluster.startServer(owner);
    await cluster.ready(owner);
    await cluster.seesAll();
    await provider.close();
  });

  test("P2 P4 P5 a region cut off and healed converges: nothing lost, nothing resurrected", async () => {
    const watchers = await watchEverywhere("cut");
    const inside = await cluster.client("ap");
    const outside = await cluster.client("us");
    await inside.register({ service: "cut", id: "ap-old", endpoints: [{ port: 80 }] });
    const doomed = await outside.register({
      service: "cut",
      id: "us-doomed",
      endpoints: [{ port: 80 }],
    });
    await until("shown", 5_000, () => watchers.every((watcher) => watcher.ids.length === 2));

    cluster.cutRegion("ap", true);
    await until("the cut is seen from both sides", 30_000, () => {
      const [us, , ap] = watchers;
      return (
        us?.livenessOf("ap-old") === "unreachable" && ap?.livenessOf("us-doomed") === "unreachable"
      );
    });
    await inside.register({ service: "cut", id: "ap-new", endpoints: [{ port: 80 }] });
    await outside.register({ service: "cut", id: "us-new", endpoints: [{ port: 80 }] });
    await doomed.deregister();
    const [us, , ap] = watchers;
    await until("each side sees its own changes", 5_000, () => {
      return us?.ids.join() === "ap-old,us-new" && ap?.ids.join() === "ap-new,ap-old,us-doomed";
    });

    cluster.cutRegion("ap", false);
    await until("all agree", 30_000, () =>
      watchers.every((watcher) => watcher.ids.join() === "ap-new,ap-old,us-new"),
    );
    await until("all are alive", 20_000, () =>
      watchers.every((watcher) => watcher.view.instances.every((i) => i.liveness === "alive")),
    );
    for (const watcher of watchers) {
      assert.deepEqual(watcher.removals, [{ id: "us-doomed", reason: "deregistered" }]);
    }
    await inside.close();
    await outside.close();
  });

  test("P4 P6 P8 a rolling restart of all servers under load loses nothing and empties no view", async () => {
    const watchers = await watchEverywhere("rolled");
    const providers = await Promise.all(REGIONS.map((region) => cluster.client(region)));
    const standing: RegistrationHandle[] = [];
    for (const provider of providers) {
      for (let number = 0; number < 5; number += 1) {
        const id = `${provider.clientId.slice(0, 6)}-${number}`;
        standing.push(await provider.register({ service: "rolled", id, endpoints: [{ port: 1 }] }));
      }
    }
    const ids = standing.map((handle) => handle.id).sort();
    await until("shown", 5_000, () =>
      watchers.every((watcher) => watcher.ids.join() === ids.join()),
    );
    for (const watcher of watchers) watcher.watchMinimum();

    const load = startChurn(providers);
    for (const server of cluster.servers) {
      await cluster.stopServer(server.nodeId, "SIGTERM");
      cluster.startServer(server.nodeId);
      await cluster.ready(server.nodeId);
      await cluster.seesAll();
    }
    const { registeredCount } = await load.stop();
    assert.ok(registeredCount > 10, `only ${registeredCount} registrations of load were made`);

    await until("all agree and all are alive", 20_000, () =>
      watchers.every(
        (watcher) =>
          watcher.ids.join() === ids.join() &&
          watcher.view.instances.every((instance) => instance.liveness === "alive"),
      ),
    );
    for (const watcher of watchers) {
      assert.deepEqual(watcher.removals, [], "nothing that stands was ever removed");
      assert.equal(watcher.minimumCount, ids.length, "no view ever shrank");
    }
    for (const provider of providers) await provider.close();
  });

  test("P8 with every server down callers go on, and on return no view shrinks", async () => {
    const watchers = await watchEverywhere("outage");
    const providers = await Promise.all(REGIONS.map((region) => cluster.client(region)));
    for (const provider of providers) {
      const id = `${provider.clientId.slice(0, 6)}-x`;
      await provider.register({ service: "outage", id, endpoints: [{ port: 3 }] });
    }
    await until("shown", 5_000, () => watchers.every((watcher) => watcher.ids.length === 3));
    for (const watcher of watchers) watcher.watchMinimum();

    await Promise.all(
      cluster.servers.map((server) => cluster.stopServer(server.nodeId, "SIGKILL")),
    );
    await until("the outage is noticed", 10_000, () =>
      watchers.every((watcher) => !watcher.view.status.isCurrent),
    );
    for (const watcher of watchers) {
      assert.equal(watcher.ids.length, 3);
      assert.ok(watcher.view.pick() !== undefined);
    }

    for (const server of cluster.servers) cluster.startServer(server.nodeId);
    await Promise.all(cluster.servers.map((server) => cluster.ready(server.nodeId)));
    await until("all are alive and current again", 30_000, () =>
      watchers.every(
        (watcher) =>
          watcher.view.status.isCurrent &&
          watcher.view.instances.every((instance) => instance.liveness === "alive"),
      ),
    );
    for (const watcher of watchers) {
      assert.deepEqual(watcher.removals, []);
      assert.equal(watcher.minimumCount, 3);
    }
    for (const provider of providers) await provider.close();
  });
});

/** Registers and deregisters on every client, one after another, until stopped. */
function startChurn(providers: readonly Awaited<ReturnType<RealCluster["client"]>>[]): {
  stop(): Promise<{ registeredCount: number }>;
} {
  let isStopped = false;
  let registeredCount = 0;
  const loops = providers.map(async (provider, index) => {
    for (let round = 0; !isStopped; round += 1) {
      const handle = await provider.register({
        service: "churn",
        id: `churn-${index}-${round % 7}`,
        endpoints: [{ port: 2 }],
      });
      registeredCount += 1;
      await handle.deregister();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
  return {
    async stop() {
      isStopped = true;
      await Promise.all(loops);
      return { registeredCount };
    },
  };
}
