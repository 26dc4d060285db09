/** Two processes that claim one id: the later one wins everywhere and the earlier one stops. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { RealCluster, until } from "./real-cluster.js";
import { ViewRecorder } from "./view-recorder.js";

const REGIONS = ["us", "eu"];
/** Longer than two heartbeats and two rounds of repair: whoever duels does it within this. */
const QUIET_MS = 2_500;

describe("one id claimed twice", { timeout: 120_000 }, () => {
  let cluster: RealCluster;
  const recorders: ViewRecorder[] = [];

  before(async () => {
    cluster = await RealCluster.start({ regions: REGIONS });
  });

  after(async () => {
    for (const recorder of recorders) await recorder.close();
    await cluster.close();
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

  function isWonBy(watchers: readonly ViewRecorder[], owner: string): boolean {
    return watchers.every(({ view }) => {
      const [first, ...others] = view.instances;
      return (
        others.length === 0 &&
        first?.liveness === "alive" &&
        first.description.metadata["owner"] === owner
      );
    });
  }

  /** Nobody writes any more, and every server tells the same. */
  async function assertQuiet(watchers: readonly ViewRecorder[], service: string): Promise<void> {
    const before = watchers.map(({ recorded }) => recorded.length);
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    assert.deepEqual(
      watchers.map(({ recorded }) => recorded.length),
      before,
      "no change came after the decision",
    );
    for (const server of cluster.servers) {
      const found = await cluster.query(server.nodeId, service);
      assert.deepEqual(
        found.map(({ id, liveness }) => ({ id, liveness })),
        [{ id: "one", liveness: "alive" }],
        server.nodeId,
      );
    }
  }

  test("P5 the later process wins in all regions, the earlier is told and stops", async () => {
    const service = "claimed";
    const watchers = await watchEverywhere(service);
    const plan = { service, id: "one" };
    const first = await cluster.instance({ ...plan, region: "us", metadata: { owner: "first" } });
    await until("the first shows", 5_000, () => isWonBy(watchers, "first"));

    const told = once(first, "message");
    const second = await cluster.instance({ ...plan, region: "eu", metadata: { owner: "second" } });
    assert.deepEqual((await told)[0], { type: "superseded" });
    await until("the second shows", 5_000, () => isWonBy(watchers, "second"));
    await assertQuiet(watchers, service);

    first.kill("SIGKILL");
    await assertQuiet(watchers, service);
    for (const watcher of watchers) {
      assert.deepEqual(watcher.removals, [], "the id was there all the time");
    }

    second.kill("SIGKILL");
    await until("it is gone", 10_000, () => watchers.every(({ ids }) => ids.length === 0));
  });

  test("P5 of two that come at one moment exactly one wins", async () => {
    const service = "raced";
    const watchers = await watchEverywhere(service);
    const clients = await Promise.all(REGIONS.map((region) => cluster.client(region)));
    const handles = await Promise.all(
      clients.map((client, index) => {
        const metadata = { owner: REGIONS[index] ?? "" };
        return client.register({ service, id: "one", endpoints: [{ port: 80 }], metadata });
      }),
    );
    await until("one has stopped", 10_000, () =>
      handles.some(({ status }) => status === "superseded"),
    );
    const winner = handles.findIndex(({ status }) => status === "registered");
    assert.notEqual(winner, -1, "not both have stopped");
    await until("all show the winner", 5_000, () => isWonBy(watchers, REGIONS[winner] ?? ""));
    await assertQuiet(watchers, service);
    assert.equal(handles[winner]?.status, "registered");
    for (const client of clients) await client.close();
  });

  test("P2 P5 of two on both sides of a cut one is left when it heals", async () => {
    const service = "split";
    const watchers = await watchEverywhere(service);
    const [us, eu] = await Promise.all(REGIONS.map((region) => cluster.client(region)));
    assert.ok(us !== undefined && eu !== undefined);
    cluster.cutRegion("eu", true);
    const registration = { service, id: "one", endpoints: [{ port: 80 }] };
    const early = await us.register({ ...registration, metadata: { owner: "us" } });
    const late = await eu.register({ ...registration, metadata: { owner: "eu" } });
    await until("each side shows its own", 5_000, () =>
      watchers.every(
        ({ view }, index) =>
          view.instances[0]?.description.metadata["owner"] === REGIONS[index] &&
          view.instances.length === 1,
      ),
    );
    cluster.cutRegion("eu", false);
    await until("one has stopped", 20_000, () =>
      [early, late].some(({ status }) => status === "superseded"),
    );
    const owner = early.status === "registered" ? "us" : "eu";
    await until("all show the one that is left", 10_000, () => isWonBy(watchers, owner));
    await until("all nodes are seen again", 10_000, async () => {
      const alive = await cluster.aliveNodes("us-1");
      return alive.length === cluster.servers.length;
    });
    await assertQuiet(watchers, service);
    assert.deepEqual([early.status, late.status].sort(), ["registered", "superseded"]);
    await us.close();
    await eu.close();
  });
});
