/** What must hold where nothing fails. */
import { InstanceState, serviceName, type ViewInstance } from "@fpzk/core";
import type { Scenario } from "./scenario.js";
import { idsOf, isShown } from "./stage.js";

const REGIONS = ["us", "eu", "ap"] as const;

export const CALM_SCENARIOS: readonly Scenario[] = [
  {
    name: "quiet-world",
    story:
      "Nine nodes, three programs, nothing happens for twenty seconds: heartbeats stay where they " +
      "are, and nothing is written but canaries (P9).",
    play: (stage) => {
      stage.addNodes({ us: 3, eu: 3, ap: 3 });
      stage.settle();
      for (const region of REGIONS) {
        const client = stage.addClient(`program-${region}`, region);
        stage.register(client, `orders/${region}`);
        client.watch("orders");
      }
      stage.run(5_000);
      const storedCount = stage.countStored(() => true);
      stage.run(20_000);
      const text = `${storedCount()} records were stored while nothing happened`;
      stage.expect(storedCount() === 0, "P9", text);
      for (const client of stage.world.clients.values()) {
        const seen = idsOf(client, "orders").length;
        stage.expect(seen === REGIONS.length, "P3", `${client.id} sees ${seen} of 3 instances`);
      }
    },
  },
  {
    name: "calm-drain",
    story:
      "A program drains in a world without faults, with subscribers in all regions, also at nodes " +
      "that are no neighbours: everybody confirms long before the deadline (P7).",
    play: (stage) => {
      stage.addNodes({ us: 3, eu: 3, ap: 3 });
      stage.settle();
      const provider = stage.addClient("provider", "us");
      stage.register(provider, "orders/o");
      for (const region of REGIONS) {
        for (const number of [1, 2, 3]) {
          const node = `${region}-${number}`;
          stage.addClient(`watcher-${node}`, region, [node]).watch("orders");
        }
      }
      stage.run(3_000);
      const startedAt = stage.world.now();
      const outcome = stage.drain(provider, "orders/o", 5_000);
      const elapsedMs = stage.world.now() - startedAt;
      const unconfirmed = outcome?.kind === "drained" ? outcome.unconfirmed : ["nobody"];
      stage.expect(unconfirmed.length === 0, "P7", `not confirmed by ${unconfirmed.join(", ")}`);
      stage.expect(elapsedMs < 2_000, "P7", `the drain took ${elapsedMs} ms where nothing fails`);
    },
  },
  {
    name: "drain-while-subscribers-leave",
    story:
      "A subscriber is killed while a drain waits for it: the drain ends as confirmed once a living " +
      "one would have noticed the loss of its session (P7, L3).",
    play: (stage) => {
      stage.addNodes({ us: 2, eu: 2 });
      stage.settle();
      const provider = stage.addClient("provider", "us");
      stage.register(provider, "orders/o");
      const watchers = ["us", "eu"].map((region) => stage.addClient(`watcher-${region}`, region));
      for (const watcher of watchers) watcher.watch("orders");
      stage.run(3_000);
      // It stands still and confirms nothing, and is killed while it does.
      const frozen = watchers[1];
      if (frozen === undefined) return;
      stage.world.freeze(frozen, 60_000);
      stage.world.schedule(stage.world.now() + 1_000, () => stage.world.crashClient(frozen.id));
      const startedAt = stage.world.now();
      const outcome = stage.drain(provider, "orders/o", 12_000);
      const elapsedMs = stage.world.now() - startedAt;
      const isConfirmed = outcome?.kind === "drained" && outcome.unconfirmed.length === 0;
      stage.expect(isConfirmed, "P7", "a subscriber that was killed is still waited for");
      stage.expect(elapsedMs < 8_000, "L3", `the drain took ${elapsedMs} ms`);
    },
  },
  {
    name: "two-drains-of-one-instance",
    story:
      "A confirmation of a drain is held up until the instance is up again and drains anew, while " +
      "the news of that is held up: it says nothing of the second drain (P7).",
    play: (stage) => {
      stage.addNodes({ us: 1, eu: 1 });
      stage.settle();
      const provider = stage.addClient("provider", "us", ["us-1"]);
      stage.register(provider, "orders/o");
      const watcher = stage.addClient("watcher", "eu", ["eu-1"]);
      watcher.watch("orders");
      stage.run(3_000);
      const { network } = stage.world;
      network.cut("watcher", "eu-1");
      stage.drain(provider, "orders/o", 300);
      stage.setState(provider, "orders/o", InstanceState.up);
      const isPicked = () => watcher.instances("orders")[0]?.state === InstanceState.up;
      stage.run(200);
      stage.expect(isPicked(), "P3", "the watcher does not see the instance up again");
      network.cut("eu-1", "watcher");
      network.mend("watcher", "eu-1");
      const outcome = stage.drain(provider, "orders/o", 1_700);
      const isConfirmed = outcome?.kind === "drained" && outcome.unconfirmed.length === 0;
      const text = "a drain is confirmed by what was said of the one before";
      stage.expect(!(isConfirmed && isPicked()), "P7", text);
    },
  },
  {
    name: "programs-come-and-go",
    story:
      "A hundred programs register, watch and leave, a quarter of them by being killed: what nodes " +
      "hold is what it was before (L4).",
    options: { config: { tombstoneTtlMs: 5_000 } },
    play: (stage) => {
      stage.addNodes({ us: 2, eu: 1 });
      stage.settle();
      const viewer = stage.addClient("viewer", "eu", ["eu-1"]);
      viewer.watch("orders");
      stage.run(2_000);
      for (let number = 0; number < 100; number += 1) {
        const client = stage.addClient(`program-${number}`, "us");
        stage.register(client, `orders/o-${number}`);
        client.watch("orders");
        stage.run(200);
        if (number % 4 === 0) stage.world.crashClient(client.id);
        else client.feed({ type: "close" });
      }
      stage.run(15_000);
      for (const { id, node } of stage.world.nodes.values()) {
        const watcherCount = node.watches.watchersOf(serviceName("default", "orders")).size;
        const expected = node.sessionCount;
        const text = `${watcherCount} watchers with ${expected} sessions at ${id}`;
        stage.expect(watcherCount <= expected, "L4", text);
        stage.expect(node.leaseCount <= expected, "L4", `${node.leaseCount} leases at ${id}`);
        const { tombstoneCount } = node.table;
        stage.expect(tombstoneCount === 0, "L4", `${tombstoneCount} tombstones at ${id}`);
      }
      const left = idsOf(viewer, "orders");
      stage.expect(left.length === 0, "L2", `${left.length} dead programs are shown: ${left[0]}`);
    },
  },
  {
    name: "every-change-is-told",
    story:
      "State, metadata and liveness of an instance change: callers at all nodes of another region " +
      "see each within the way over the wire (P3).",
    play: (stage) => {
      stage.addNodes({ us: 2, eu: 3 });
      stage.settle();
      const provider = stage.addClient("provider", "us");
      stage.register(provider, "orders/o");
      const watchers = [1, 2, 3].map((number) =>
        stage.addClient(`watcher-${number}`, "eu", [`eu-${number}`]),
      );
      for (const watcher of watchers) watcher.watch("orders");
      stage.run(3_000);
      const within = (what: string, isSeen: (shown: ViewInstance | undefined) => boolean) => {
        const isSeenByAll = () =>
          watchers.every((watcher) =>
            isSeen(watcher.instances("orders").find(({ id }) => id === "o")),
          );
        stage.await(isSeenByAll, 150, "P3", what);
      };
      stage.update(provider, "orders/o", "new");
      within("new metadata is seen", (shown) => shown?.description.metadata.note === "new");
      stage.setState(provider, "orders/o", InstanceState.offline);
      within("offline is seen", (shown) => shown?.state === InstanceState.offline);
      stage.setState(provider, "orders/o", InstanceState.up);
      within("up is seen", (shown) => shown?.state === InstanceState.up);
      stage.world.crashClient("provider");
      within("a killed process is suspect", (shown) => shown?.liveness === "suspect");
      const isGone = () => watchers.every((watcher) => !isShown(watcher, "orders/o"));
      stage.await(isGone, 2_300, "L2", "a killed process is removed");
    },
  },
];
