/** Who sees what: registrations for one region alone, and an operator's word in all regions. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { FpzkClient } from "@fpzk/client";
import { InstanceState } from "@fpzk/core";
import { RealCluster, until } from "./real-cluster.js";
import { ViewRecorder } from "./view-recorder.js";

const REGIONS = ["us", "eu"];

describe("visibility and operators", { timeout: 120_000 }, () => {
  let cluster: RealCluster;
  const recorders: ViewRecorder[] = [];

  before(async () => {
    cluster = await RealCluster.start({ regions: REGIONS });
  });

  after(async () => {
    for (const recorder of recorders) await recorder.close();
    await cluster.close();
  });

  async function watch(region: string, service: string): Promise<ViewRecorder> {
    const recorder = new ViewRecorder(await cluster.client(region), service);
    recorders.push(recorder);
    await recorder.view.ready();
    return recorder;
  }

  async function idsAt(nodeId: string, service: string): Promise<string> {
    return (await cluster.query(nodeId, service)).map(({ id }) => id).join();
  }

  test("a registration for its region is seen by both servers there and nowhere else", async () => {
    const service = "regional";
    const [us, eu] = [await watch("us", service), await watch("eu", service)];
    const provider = await cluster.client("us");
    const endpoints = [{ port: 80 }];
    await provider.register({ service, id: "inside", endpoints, visibility: "region" });
    // Written after it by the same node: where this one shows, the other would show too.
    await provider.register({ service, id: "everywhere", endpoints });
    await until("the region shows both", 5_000, () => us.ids.join() === "everywhere,inside");
    await until("the other region shows one", 5_000, () => eu.ids.join() === "everywhere");
    for (const nodeId of ["us-1", "us-2"]) {
      await until(`${nodeId} answers both`, 5_000, async () => {
        return (await idsAt(nodeId, service)) === "everywhere,inside";
      });
    }
    for (const nodeId of ["eu-1", "eu-2"]) {
      await until(`${nodeId} answers one`, 5_000, async () => {
        return (await idsAt(nodeId, service)) === "everywhere";
      });
    }

    await roamsWithoutLoss(provider, us, "inside");
    for (const nodeId of ["us-1", "us-2"]) {
      await until(`${nodeId} answers both after the move`, 5_000, async () => {
        return (await idsAt(nodeId, service)) === "everywhere,inside";
      });
    }
    for (const nodeId of ["eu-1", "eu-2"]) {
      assert.equal(await idsAt(nodeId, service), "everywhere", nodeId);
    }
    const seenOutside = eu.recorded.flatMap(({ change }) =>
      "instance" in change ? [change.instance.id] : [],
    );
    assert.equal(seenOutside.includes("inside"), false, "the other region never saw it");
    await provider.close();
    await until("both are gone", 5_000, () => us.ids.length === 0 && eu.ids.length === 0);
  });

  /** Its server ends well, then the next one is killed: the client is served by the other one. */
  async function roamsWithoutLoss(
    provider: FpzkClient,
    watcher: ViewRecorder,
    id: string,
  ): Promise<void> {
    watcher.watchMinimum();
    const { minimumCount } = watcher;
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const owner = provider.connectedNodeId ?? "";
      await cluster.stopServer(owner, signal);
      await until(`served by another than ${owner}`, 10_000, () => {
        const nodeId = provider.connectedNodeId;
        return nodeId !== undefined && nodeId !== owner;
      });
      assert.match(provider.connectedNodeId ?? "", /^us-/);
      await until("alive again", 10_000, () => watcher.livenessOf(id) === "alive");
      cluster.startServer(owner);
      await cluster.ready(owner);
      await cluster.seesAll();
    }
    assert.deepEqual(watcher.removals, []);
    assert.equal(watcher.minimumCount, minimumCount);
  }

  test("a registration for its region is none of the other's services", async () => {
    const provider = await cluster.client("eu");
    const registration = { endpoints: [{ port: 80 }], visibility: "region" } as const;
    await provider.register({ ...registration, service: "hidden", id: "h" });
    await provider.register({ service: "shown", id: "s", endpoints: [{ port: 80 }] });
    const servicesAt = async (nodeId: string) => {
      const { body } = await cluster.request(nodeId, "/v1/services");
      return (body as { services: { service: string }[] }).services.map((each) => each.service);
    };
    await until("both servers there list both", 5_000, async () => {
      const lists = [await servicesAt("eu-1"), await servicesAt("eu-2")];
      return lists.every((list) => list.includes("hidden") && list.includes("shown"));
    });
    await until("the others list the other", 5_000, async () => {
      const lists = [await servicesAt("us-1"), await servicesAt("us-2")];
      return lists.every((list) => list.includes("shown"));
    });
    const said = await cluster.fpzk("eu-1", "offline", "hidden", "h", "--note", "secret plans");
    assert.equal(said.exitCode, 0, said.stderr);
    await cluster.fpzk("eu-1", "offline", "shown", "s");
    const watcher = await watch("us", "shown");
    await until("the word on the other has come", 5_000, () => {
      return watcher.view.instances[0]?.state === InstanceState.offline;
    });
    for (const nodeId of ["us-1", "us-2"]) {
      assert.equal((await servicesAt(nodeId)).includes("hidden"), false, nodeId);
      const unknown = await cluster.fpzk(nodeId, "offline", "hidden", "h");
      assert.notEqual(unknown.exitCode, 0);
      assert.match(unknown.stderr, /not registered/);
    }
    await provider.close();
  });

  test("P7 a registration for its region drains without the word of other regions", async () => {
    const service = "near";
    const [us, eu] = [await watch("us", service), await watch("eu", service)];
    const provider = await cluster.client("us");
    const registration = { endpoints: [{ port: 80 }], visibility: "region" } as const;
    const handle = await provider.register({ ...registration, service, id: "n-1" });
    await until("the region picks it", 5_000, () => us.view.pick() !== undefined);
    const drained = await handle.drain({ timeoutMs: 5_000 });
    assert.deepEqual(drained, { confirmedCount: 1, unconfirmed: [] });
    await handle.online();
    await until("the region picks it again", 5_000, () => us.view.pick() !== undefined);
    const said = await cluster.fpzk("us-2", "drain", service, "n-1", "--timeout", "5s", "--json");
    assert.deepEqual(JSON.parse(said.stdout), { confirmedCount: 1, unconfirmed: [] });
    assert.equal(us.view.pick(), undefined);
    assert.deepEqual(eu.ids, []);
    await provider.close();
  });

  test("offline, online and drain by the command line count for the pickers of all regions", async () => {
    const service = "operated";
    const watchers = [await watch("us", service), await watch("eu", service)];
    const picks = () => watchers.map(({ view }) => view.pick()?.instance.id);
    const provider = await cluster.client("us");
    const registration = { service, id: "o-1", endpoints: [{ port: 80 }] };
    const handle = await provider.register(registration);
    await until("all pick it", 5_000, () => picks().every((id) => id === "o-1"));

    // At a server of the other region than the instance's.
    const offline = await cluster.fpzk("eu-2", "offline", service, "o-1", "--note", "ticket 1");
    assert.deepEqual([offline.exitCode, offline.stderr], [0, ""]);
    await until("nobody picks it", 5_000, () => picks().every((id) => id === undefined));
    for (const { ids } of watchers) assert.deepEqual(ids, ["o-1"], "it is still shown");

    // The program's own word does not lift the operator's, nor does a new registration.
    await handle.update({ metadata: { build: "2" } });
    await until("its new words have come", 5_000, () =>
      watchers.every(({ view }) => view.instances[0]?.description.metadata["build"] === "2"),
    );
    assert.deepEqual(picks(), [undefined, undefined]);
    await handle.deregister();
    await until("gone", 5_000, () => watchers.every(({ ids }) => ids.length === 0));
    const again = await provider.register(registration);
    await until("back", 5_000, () => watchers.every(({ ids }) => ids.length === 1));
    assert.deepEqual(picks(), [undefined, undefined]);

    const online = await cluster.fpzk("us-2", "online", service, "o-1");
    assert.equal(online.exitCode, 0, online.stderr);
    await until("all pick it again", 5_000, () => picks().every((id) => id === "o-1"));

    const drain = await cluster.fpzk("eu-1", "drain", service, "o-1", "--timeout", "10s", "--json");
    assert.equal(drain.exitCode, 0, drain.stderr);
    assert.deepEqual(JSON.parse(drain.stdout), { confirmedCount: 2, unconfirmed: [] });
    assert.deepEqual(picks(), [undefined, undefined], "at the moment of the answer");
    for (const { view } of watchers) assert.equal(view.instances[0]?.state, InstanceState.draining);

    assert.equal((await cluster.fpzk("us-1", "online", service, "o-1")).exitCode, 0);
    await until("all pick it at last", 5_000, () => picks().every((id) => id === "o-1"));
    assert.equal(again.status, "registered");
    await provider.close();
  });

  test("an operator's weight counts in all regions until it is lifted", async () => {
    const service = "weighed";
    const watchers = [await watch("us", service), await watch("eu", service)];
    const weights = () => watchers.map(({ view }) => view.instances[0]?.weight);
    const provider = await cluster.client("eu");
    await provider.register({ service, id: "w-1", endpoints: [{ port: 80 }], weight: 70 });
    await until("its own weight", 5_000, () => weights().every((weight) => weight === 70));
    const path = `/v1/services/${service}/instances/w-1/override`;
    const said = await cluster.request("us-1", path, { method: "PUT", body: { weight: 7 } });
    assert.equal(said.status, 200);
    await until("the operator's weight", 5_000, () => weights().every((weight) => weight === 7));
    for (const { view } of watchers) assert.equal(view.pick()?.instance.id, "w-1");
    for (const server of cluster.servers) {
      const { body } = await cluster.request(server.nodeId, `/v1/services/${service}`);
      const { instances } = body as { instances: { weight: number }[] };
      assert.equal(instances[0]?.weight, 7, server.nodeId);
    }
    const lifted = await cluster.request("eu-2", path, { method: "DELETE" });
    assert.equal(lifted.status, 204);
    await until("its own weight again", 5_000, () => weights().every((weight) => weight === 70));
    await provider.close();
  });
});
