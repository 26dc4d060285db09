/** What callers see while they, their nodes or the registry come and go. */
import { InstanceState, Scope, type SessionKey, type ViewState } from "@fpzk/core";
import type { SimClient } from "../world/sim-client.js";
import type { SimNode } from "../world/sim-node.js";
import type { Scenario } from "./scenario.js";
import { idsOf, isShown, livenessIn, type Stage } from "./stage.js";

export const VIEW_SCENARIOS: readonly Scenario[] = [
  {
    name: "caller-away",
    story:
      "A caller is cut off while metadata change and an instance leaves; when it is back, its view " +
      "is right with the first answer.",
    play: (stage) => {
      const { provider, viewer } = pair(stage);
      stage.register(provider, "orders/leaves");
      stage.run(2_000);
      stage.cut(["viewer"], ["us-1", "eu-1"]);
      stage.update(provider, "orders/o", "new");
      stage.run(4_000);
      stage.heal();
      awaitOnline(stage, viewer);
      const note = () =>
        viewer.instances("orders").find(({ id }) => id === "o")?.description.metadata;
      stage.await(() => note()?.note === "new", 300, "L1", "metadata that changed meanwhile");
      stage.cut(["viewer"], ["us-1", "eu-1"]);
      stage.deregister(provider, "orders/leaves");
      stage.run(4_000);
      stage.heal();
      awaitOnline(stage, viewer);
      stage.await(() => !isShown(viewer, "orders/leaves"), 300, "L1", "what left meanwhile");
    },
  },
  {
    name: "caller-away-for-long",
    story:
      "A caller is cut off for longer than removals are remembered: the first answer when it is " +
      "back takes out what left.",
    options: { config: { tombstoneTtlMs: 3_000 } },
    play: (stage) => {
      const { provider, viewer } = pair(stage);
      stage.register(provider, "orders/leaves");
      stage.run(2_000);
      stage.cut(["viewer"], ["us-1", "eu-1"]);
      stage.deregister(provider, "orders/leaves");
      stage.run(12_000);
      stage.heal();
      awaitOnline(stage, viewer);
      stage.await(
        () => !isShown(viewer, "orders/leaves"),
        300,
        "L1",
        "what left and was forgotten",
      );
      stage.expect(isShown(viewer, "orders/o"), "S2", "the view lost what stayed");
    },
  },
  {
    name: "move-to-a-node-behind",
    story:
      "A caller moves to a node that has missed news which the caller has seen, and that answers " +
      "in full: its view neither goes back nor loses what the node does not know (P4, S3).",
    options: { config: { tombstoneTtlMs: 3_000 } },
    play: (stage) => {
      stage.addNodes({ us: 2, eu: 1 });
      stage.settle();
      const provider = stage.addClient("provider", "us", ["us-1"]);
      stage.register(provider, "orders/o");
      const european = stage.addClient("european", "eu", ["eu-1"]);
      stage.register(european, "orders/leaves");
      const viewer = stage.addClient("viewer", "us", ["us-1", "us-2"]);
      viewer.watch("orders");
      stage.run(2_000);
      // The viewer is to be at us-1, whichever it took.
      if (viewer.machine.connectedNodeId !== "us-1") stage.cut(["viewer"], ["us-2"]);
      stage.run(5_000);
      stage.heal();
      // us-1 alone hears the provider, us-2 alone hears Europe.
      stage.cut(["us-1"], ["us-2", "eu-1"]);
      stage.setState(provider, "orders/o", InstanceState.offline);
      stage.register(provider, "orders/new");
      stage.deregister(european, "orders/leaves");
      stage.run(10_000);
      stage.expect(isShown(viewer, "orders/new"), "P3", "the viewer does not see its node's news");
      stage.neverLoses(viewer, "orders/new");
      const stateOf = () => viewer.instances("orders").find(({ id }) => id === "o")?.state;
      stage.cut(["viewer"], ["us-1", "eu-1"]);
      stage.await(
        () => viewer.machine.connectedNodeId === "us-2",
        60_000,
        "P1",
        "the viewer finds the other node",
      );
      stage.run(2_000);
      stage.expect(
        stateOf() === InstanceState.offline,
        "S3",
        "the view went back to an older state",
      );
      stage.heal();
      stage.run(8_000);
    },
  },
  {
    name: "all-nodes-down",
    story:
      "Every node dies and starts with nothing: views stay as they are, and nobody sees an older " +
      "or smaller one when the nodes are back (P8).",
    play: (stage) => {
      const { viewer } = pair(stage);
      stage.neverLoses(viewer, "orders/o");
      stage.run(1_000);
      for (const nodeId of ["us-1", "eu-1"]) stage.world.crash(nodeId);
      stage.run(6_000);
      stage.expect(isShown(viewer, "orders/o"), "P8", "the view is empty without a registry");
      stage.addNodes({ us: 1, eu: 1 });
      stage.run(12_000);
      stage.expect(livenessIn(viewer, "orders/o") === "alive", "P8", "not alive after the outage");
    },
  },
  {
    name: "restarted-node-answers",
    story:
      "A node restarts among others: the first complete view that a caller gets from it has every " +
      "instance that there is (P4).",
    play: (stage) => {
      stage.addNodes({ us: 2, eu: 2 });
      stage.settle();
      const provider = stage.addClient("provider", "us", ["us-1"]);
      for (let number = 0; number < 20; number += 1) stage.register(provider, `orders/o-${number}`);
      stage.run(2_000);
      stage.world.crash("us-2");
      stage.run(1_000);
      stage.addNode("us-2", ["us-1"]);
      const viewer = stage.addClient("viewer", "us", ["us-2"]);
      let isJudged = false;
      stage.world.observe({
        viewState: (client: SimClient, _service: string, { isComplete }: ViewState) => {
          if (client !== viewer || !isComplete || isJudged) return;
          isJudged = true;
          const count = idsOf(viewer, "orders").length;
          stage.expect(count === 20, "S2", `a complete view of a new node shows ${count} of 20`);
        },
      });
      viewer.watch("orders");
      stage.await(() => isJudged, 8_000, "P1", "a new node answers");
    },
  },
  {
    name: "slow-reader",
    story:
      "A subscriber does not read while a service changes again and again: nothing is queued for " +
      "it, and when it reads again it has the latest state at once (P10).",
    play: (stage) => {
      stage.addNodes({ us: 1 });
      stage.settle();
      const provider = stage.addClient("provider", "us", ["us-1"]);
      stage.register(provider, "orders/o");
      const node = stage.world.node("us-1");
      const viewer = stage.addClient("viewer", "us", ["us-1"]);
      const session = sessionOf(stage, node, viewer);
      viewer.watch("orders");
      stage.run(1_000);
      node.feed({ type: "session-congested", session: session() });
      let sentCount = 0;
      stage.world.observe({
        sessionSent: (_node, client, message) => {
          if (client === viewer && message.type === "change") sentCount += 1;
        },
      });
      for (let number = 0; number < 50; number += 1) {
        stage.update(provider, "orders/o", `version ${number}`);
        stage.run(20);
      }
      stage.expect(sentCount === 0, "P10", `${sentCount} changes were queued for a slow reader`);
      node.feed({ type: "session-writable", session: session() });
      const note = () => viewer.instances("orders")[0]?.description.metadata.note;
      stage.await(() => note() === "version 49", 200, "P10", "the latest state for a slow reader");
    },
  },
  {
    name: "view-with-a-ghost",
    forgives: /^viewer lost orders\/ghost/,
    story:
      "A view holds an instance that no node knows, by whatever fault: comparing digests finds it, " +
      "and a fresh answer takes it out.",
    play: (stage) => {
      const { viewer } = pair(stage);
      const shown = viewer.machine.view("orders")?.save();
      const group = shown?.groups[0];
      const record = group?.records[0];
      if (group === undefined || record === undefined) return stage.fail("P3", "nothing is shown");
      // Just above what the view has proof of, and soon below what the node has seen.
      const seen = shown?.position.find(({ origin }) => origin === group.origin)?.version ?? 0;
      const ghost = { ...record, id: "ghost", version: seen + 1 };
      viewer.feed({
        type: "message",
        attempt: 1,
        message: {
          type: "change",
          service: "orders",
          groups: [{ origin: group.origin, records: [ghost] }],
          digest: shown?.digest ?? { high: 0, low: 0 },
        },
      });
      stage.expect(isShown(viewer, "orders/ghost"), "L1", "this scenario shows no ghost");
      stage.await(() => !isShown(viewer, "orders/ghost"), 60_000, "L1", "the ghost is taken out");
    },
  },
  {
    name: "unreadable-instance",
    story:
      "An instance whose description nobody can read is registered: callers go on seeing the " +
      "others, and what changes of them (P12).",
    play: (stage) => {
      const { provider, viewer } = pair(stage);
      stage.register(provider, "orders/poison", { body: Uint8Array.of(1, 2, 3) });
      stage.run(1_000);
      stage.update(provider, "orders/o", "new");
      const note = () =>
        viewer.instances("orders").find(({ id }) => id === "o")?.description.metadata;
      stage.await(() => note()?.note === "new", 500, "P12", "changes of readable instances");
    },
  },
  {
    name: "operator-after-a-fast-clock",
    story:
      "An operator says offline at a node whose wall clock is two days ahead, and later at another " +
      "that it is over: the later word counts, whatever the clocks say (P11).",
    play: (stage) => {
      const { viewer } = pair(stage);
      const say = (nodeId: string, state: InstanceState | undefined) =>
        stage.request(nodeId, {
          kind: "override",
          namespace: "default",
          service: "orders",
          id: "o",
          state,
          description: { weight: 50 },
          body: new Uint8Array(0),
          timeoutMs: 3_000,
        });
      stage.world.node("us-1").wallAheadMs += 2 * 86_400_000;
      say("us-1", InstanceState.offline);
      const state = () => viewer.instances("orders")[0]?.state;
      stage.await(() => state() === InstanceState.offline, 500, "P3", "an operator's word");
      stage.run(500);
      say("eu-1", undefined);
      stage.await(() => state() === InstanceState.up, 500, "P11", "an operator's later word");
    },
  },
  {
    name: "placement-moves-little",
    story:
      "One node more in a region of five: at most a third of eight nodes choose another relay " +
      "there, since each choice is by rendezvous.",
    play: (stage) => {
      const relays = watchRelays(stage, "eu");
      stage.addNodes({ us: 8, eu: 5 }, ["us-1", "eu-1"]);
      stage.settle();
      stage.run(8_000);
      const before = relays();
      stage.addNode("eu-6", ["us-1", "eu-1"]);
      stage.run(12_000);
      const after = relays();
      const movedCount = [...before].filter(([id, relay]) => after.get(id) !== relay).length;
      stage.expect(movedCount <= 3, "L1", `${movedCount} of 8 relays moved for one node more`);
    },
  },
];

/** A program at us-1 and a caller at eu-1 that sees it. */
export function pair(stage: Stage): { readonly provider: SimClient; readonly viewer: SimClient } {
  stage.addNodes({ us: 1, eu: 1 });
  stage.settle();
  const provider = stage.addClient("provider", "us", ["us-1"]);
  stage.register(provider, "orders/o", { scope: Scope.global });
  const viewer = stage.addClient("viewer", "eu", ["eu-1"]);
  viewer.watch("orders");
  stage.await(() => isShown(viewer, "orders/o"), 3_000, "P3", "a registration is seen");
  return { provider, viewer };
}

/** The session of the next client that connects to a node. */
export function sessionOf(stage: Stage, node: SimNode, client: SimClient): () => SessionKey {
  let session: SessionKey | undefined;
  stage.tapNode(node, (event) => {
    if (event.type === "session-open" && event.clientId === client.id) session = event.session;
  });
  return () => {
    if (session === undefined) throw new Error(`${client.id} has no session at ${node.id}`);
    return session;
  };
}

function awaitOnline(stage: Stage, client: SimClient): void {
  const isOnline = () => client.machine.state === "online";
  stage.await(isOnline, 10_000, "P1", `${client.id} connects again`);
}

/** From now on: which nodes of a region each node of others has dialed and is linked with. */
function watchRelays(stage: Stage, region: string): () => Map<string, string> {
  const dialed = new Map<SimNode, Map<number, string>>();
  stage.world.observe({
    nodeStarted: (node) => {
      if (node.region === region) return;
      const links = new Map<number, string>();
      dialed.set(node, links);
      stage.tapNode(node, (event) => {
        if (event.type === "link-close") links.delete(event.link);
        const isRelay = event.type === "link-open" && event.isOutbound;
        if (isRelay && event.peer.region === region) links.set(event.link, event.peer.nodeId);
      });
    },
  });
  return () =>
    new Map([...dialed].map(([{ id }, links]) => [id, [...links.values()].sort().join()]));
}
