/** Deaths, absences and moves of programs: who is told what, and when. */
import { InstanceState, RecordKind, Scope } from "@fpzk/core";
import type { SimClient } from "../world/sim-client.js";
import type { Scenario } from "./scenario.js";
import { bodyWith, idsOf, isShown, livenessIn, type Stage } from "./stage.js";
import { pair, sessionOf } from "./view-scenarios.js";

export const LIFE_SCENARIOS: readonly Scenario[] = [
  {
    name: "hung-program",
    story:
      "A program stands still: suspect after the ttl, alive again when it wakes in time, removed " +
      "after the confirmation period when it does not (docs/leases.md).",
    play: (stage) => {
      const { provider, viewer } = pair(stage);
      stage.run(1_000);
      stage.world.freeze(provider, 5_000);
      const isSuspect = () => livenessIn(viewer, "orders/o") === "suspect";
      stage.await(isSuspect, 3_500, "L2", "a silent program is suspect");
      const isAlive = () => livenessIn(viewer, "orders/o") === "alive";
      stage.await(isAlive, 4_000, "P6", "a program that woke is alive again");
      stage.run(3_000);
      stage.world.crashClient("provider", true);
      stage.await(isSuspect, 3_500, "L2", "a lost host is suspect");
      stage.await(() => !isShown(viewer, "orders/o"), 6_500, "L2", "a lost host is removed");
    },
  },
  {
    name: "hung-program-stays",
    story:
      "A program stands still for longer than the ttl and is asked to move meanwhile, but reaches " +
      "no other node: heard again where it is, it is alive at once (docs/leases.md).",
    play: (stage) => {
      stage.addNodes({ us: 2 });
      stage.settle();
      const provider = stage.addClient("provider", "us", ["us-1"]);
      stage.cut(["provider"], ["us-2"]);
      stage.register(provider, "orders/o");
      const viewer = stage.addClient("viewer", "us", ["us-2"]);
      viewer.watch("orders");
      stage.run(2_000);
      stage.leaveAlone(provider);
      stage.world.freeze(provider, 5_000);
      stage.run(4_500);
      stage.expect(livenessIn(viewer, "orders/o") === "suspect", "L2", "not suspect when silent");
      // Before it could end this session and begin another: its first heartbeat must do.
      const isAlive = () => livenessIn(viewer, "orders/o") === "alive";
      stage.await(isAlive, 500 + 300, "P6", "what was only slow is alive when it is heard again");
    },
  },
  {
    name: "connection-reset",
    story:
      "A program's connection breaks and it comes back to the same node within the grace: nobody " +
      "sees it removed, then or when the old lease would have ended (P6).",
    play: (stage) => {
      // One node alone: there is nowhere else to go.
      stage.addNode("us-1", []);
      stage.settle();
      const provider = stage.addClient("provider", "us", ["us-1"]);
      stage.register(provider, "orders/o");
      const viewer = stage.addClient("viewer", "us", ["us-1"]);
      viewer.watch("orders");
      stage.run(2_000);
      stage.leaveAlone(provider);
      stage.neverLoses(viewer, "orders/o");
      stage.run(1_000);
      stage.cut(["provider"], ["us-1"]);
      stage.run(3_600);
      stage.heal();
      stage.run(12_000);
      stage.expect(livenessIn(viewer, "orders/o") === "alive", "P6", "not alive after the reset");
      const [session] = provider.outcomes.values();
      stage.expect(session?.kind === "done", "P6", "the registration did not come to an end");
    },
  },
  {
    name: "reset-beside-silent-hosts",
    story:
      "A program reaches one node alone of nine, and its connection there is reset, again and " +
      "again: it tries that node again before the silent ones have taken the grace (P6).",
    play: (stage) => {
      stage.addNodes({ us: 3, eu: 3, ap: 3 });
      stage.settle();
      const provider = stage.addClient("provider", "us", ["eu-1"]);
      const others = [...stage.world.nodes.keys()].filter((nodeId) => nodeId !== "eu-1");
      stage.cut(["provider"], others);
      stage.register(provider, "orders/o");
      const viewer = stage.addClient("viewer", "ap", ["ap-1"]);
      viewer.watch("orders");
      stage.run(1_000);
      stage.leaveAlone(provider);
      stage.neverLoses(viewer, "orders/o");
      // Sessions that have lasted, and some that have not.
      for (const lastsMs of [5_000, 5_000, 700, 5_000, 1_500, 700, 5_000]) {
        stage.run(lastsMs);
        for (const socket of [...provider.sockets]) {
          socket.abort();
          socket.events.closed();
        }
      }
      stage.run(5_000);
      stage.expect(livenessIn(viewer, "orders/o") === "alive", "P6", "not alive after the resets");
    },
  },
  {
    name: "move-between-nodes",
    story:
      "A program is cut off from its node and moves to another: the old node's lease on it ends " +
      "and takes nothing with it (P5).",
    play: (stage) => {
      stage.addNodes({ us: 3 });
      stage.settle();
      const provider = stage.addClient("provider", "us", ["us-1"]);
      stage.register(provider, "orders/o");
      const viewer = stage.addClient("viewer", "us", ["us-3"]);
      viewer.watch("orders");
      stage.run(2_000);
      stage.leaveAlone(provider);
      stage.neverLoses(viewer, "orders/o");
      stage.cut(["provider"], ["us-1"]);
      stage.run(20_000);
      stage.expect(livenessIn(viewer, "orders/o") === "alive", "P6", "not alive after the move");
      stage.expect(provider.machine.connectedNodeId !== "us-1", "P1", "the program did not move");
    },
  },
  {
    name: "kept-wishes",
    story:
      "The node of a program that wants to be offline dies: the program registers elsewhere as " +
      "offline, and is never seen up in between.",
    play: (stage) => {
      stage.addNodes({ us: 2, eu: 1 });
      stage.settle();
      const provider = stage.addClient("provider", "us", ["us-1", "us-2"]);
      stage.register(provider, "orders/o");
      const viewer = stage.addClient("viewer", "eu", ["eu-1"]);
      viewer.watch("orders");
      stage.run(2_000);
      stage.setState(provider, "orders/o", InstanceState.offline);
      stage.run(1_000);
      stage.world.observe({
        viewChanged: (client, { changes }) => {
          const isUp = changes.some(({ instance }) => instance.state === InstanceState.up);
          if (client === viewer && isUp) stage.fail("S3", "an instance that is offline is seen up");
        },
      });
      const old = provider.machine.connectedNodeId ?? "";
      stage.world.crash(old);
      const owner = () => viewer.instances("orders")[0]?.ownerNodeId;
      const isMoved = () => owner() !== undefined && owner() !== old;
      stage.await(isMoved, 6_000, "P6", "a program registers at another node");
    },
  },
  {
    name: "lost-node-host",
    story:
      "The host of a node is lost without a word: its program notices by silence and is registered " +
      "elsewhere within ten seconds, and the others take the node for gone.",
    play: (stage) => {
      stage.addNodes({ us: 3 });
      stage.settle();
      const provider = stage.addClient("provider", "us", ["us-2"]);
      stage.register(provider, "orders/o");
      const viewer = stage.addClient("viewer", "us", ["us-3"]);
      viewer.watch("orders");
      stage.run(2_000);
      const lost = provider.machine.connectedNodeId ?? "";
      stage.neverLoses(viewer, "orders/o");
      stage.world.crash(lost, true);
      const owner = () => viewer.instances("orders")[0]?.ownerNodeId;
      stage.await(() => owner() !== lost, 10_000, "P6", "the program is registered elsewhere");
      const isGone = () => ["dead", "unreachable"].includes(stage.statusOf(lost, "us-3"));
      stage.await(isGone, 10_000, "L2", "a lost host is taken for gone");
    },
  },
  {
    name: "later-process-wins",
    story:
      "A second process with the same id starts at another node: it has the id, the first is told " +
      "and stops, and nothing more is written. Killed and started at once, it is back at once.",
    play: (stage) => {
      stage.addNodes({ us: 2, eu: 1 });
      stage.settle();
      const first = stage.addClient("first", "us", ["us-1"]);
      stage.register(first, "orders/o");
      stage.run(2_000);
      const second = stage.addClient("second", "eu", ["eu-1"]);
      stage.register(second, "orders/o");
      const statusOf = (client: SimClient) => client.statuses.get("orders/o");
      const isTold = () => statusOf(first) === "superseded" && statusOf(second) === "registered";
      stage.await(isTold, 15_000, "S5", "the later process has the id, and the first knows");
      stage.run(1_000);
      const storedCount = stage.countStored(() => true);
      stage.run(5_000);
      stage.expect(storedCount() === 0, "S5", `${storedCount()} records were stored in a duel`);
      stage.world.crashClient("second");
      const third = stage.addClient("third", "us", ["us-2"]);
      stage.register(third, "orders/o");
      third.watch("orders");
      const isBack = () => livenessIn(third, "orders/o") === "alive";
      stage.await(isBack, 1_500, "P6", "a program that starts again is registered");
      stage.run(5_000);
      stage.expect(isBack(), "S5", "a program that started again was removed with its past life");
    },
  },
  {
    name: "many-fall-silent",
    story:
      "Forty programs of one node fall silent together, because it no longer hears them: at most " +
      "15 % of them are suspect within one ttl (docs/leases.md, self-doubt).",
    play: (stage) => {
      const clients = crowd(stage, 40);
      const suspects = new Set<string>();
      stage.world.observe({
        stored: (_node, { kind, isSuspect, id }) => {
          if (kind === RecordKind.instance && isSuspect) suspects.add(id);
        },
      });
      for (const { id } of clients) stage.world.network.cut(id, "us-1");
      stage.run(5_500);
      stage.heal();
      const text = `${suspects.size} of 40 are suspect because one node does not hear`;
      stage.expect(suspects.size <= 12, "P6", text);
    },
  },
  {
    name: "many-are-killed",
    story:
      "Forty processes of one node are killed together: all are suspect at once, at most ten are " +
      "removed within one ttl, and all are in the end (a brake, no end of expiry).",
    play: (stage) => {
      const clients = crowd(stage, 40);
      const viewer = stage.addClient("viewer", "us", ["us-1"]);
      viewer.watch("orders");
      stage.run(1_000);
      for (const { id } of clients) stage.world.crashClient(id);
      stage.run(500);
      const suspects = viewer.instances("orders").filter(({ liveness }) => liveness === "suspect");
      stage.expect(suspects.length === 40, "L2", `${suspects.length} of 40 killed are suspect`);
      const removedCount = stage.countStored((_node, { state }) => state === InstanceState.removed);
      stage.run(4_000);
      stage.expect(removedCount() <= 20, "P6", `${removedCount()} of 40 were removed in one go`);
      const isEmpty = () => idsOf(viewer, "orders").length === 0;
      stage.await(isEmpty, 60_000, "L2", "all that were killed are removed");
    },
  },
  {
    name: "node-stands-still",
    story:
      "A node stands still for five seconds: the renewals that waited in its sockets count, and " +
      "on waking it calls nobody suspect (P6).",
    play: (stage) => {
      stage.addNodes({ us: 1 });
      stage.settle();
      const names = Array.from({ length: 12 }, (_, number) => `lease-${number}`);
      const nameOf = (id: string) => ({ namespace: "default", service: "orders", id });
      for (const id of names) {
        stage.request("us-1", {
          kind: "register",
          ...nameOf(id),
          scope: Scope.global,
          state: InstanceState.up,
          ttlMs: 3_000,
          body: bodyWith("us", ""),
        });
      }
      const renewAll = () => {
        for (const id of names) {
          stage.world.request("us-1", { kind: "renew", ...nameOf(id) }, () => undefined);
        }
      };
      for (let second = 1; second <= 12; second += 1) {
        stage.world.schedule(stage.world.now() + second * 1_000, renewAll);
      }
      const suspectCount = stage.countStored((_node, { isSuspect }) => isSuspect);
      stage.run(2_500);
      stage.world.freeze(stage.world.node("us-1"), 5_000);
      stage.run(9_000);
      const text = `a node that stood still calls ${suspectCount()} instances suspect`;
      stage.expect(suspectCount() === 0, "P6", text);
    },
  },
  {
    name: "cut-between-nodes",
    story:
      "A node is cut off from all others, and its program with the others moves: as long as it does " +
      "not know what is there, it removes nothing (P6).",
    play: (stage) => {
      stage.addNodes({ us: 3 });
      stage.settle();
      const provider = stage.addClient("provider", "us", ["us-1"]);
      stage.register(provider, "orders/o");
      const viewer = stage.addClient("viewer", "us", ["us-1"]);
      viewer.watch("orders");
      stage.run(2_000);
      stage.neverLoses(viewer, "orders/o");
      stage.cut(["us-1"], ["us-2", "us-3", "provider"]);
      stage.run(25_000);
      stage.expect(isShown(viewer, "orders/o"), "P6", "an instance that only moved is gone");
      stage.heal();
      stage.run(8_000);
      stage.expect(livenessIn(viewer, "orders/o") === "alive", "P6", "not alive after the cut");
    },
  },
  {
    name: "wall-clock-steps",
    story:
      "The wall clock of all nodes is set forward by an hour, later back by two: nobody is suspect " +
      "or removed for it, and the dead go in their time (P11).",
    play: (stage) => {
      const { provider, viewer } = pair(stage);
      const other = stage.addClient("other", "us", ["us-1"]);
      stage.register(other, "orders/other");
      stage.run(2_000);
      stage.leaveAlone(provider);
      const suspectCount = stage.countStored((_node, { isSuspect }) => isSuspect);
      stage.stepWallClocks(3_600_000);
      stage.run(3_000);
      stage.expect(suspectCount() === 0, "P11", "a step of the wall clock makes instances suspect");
      stage.stepWallClocks(-7_200_000);
      stage.run(3_000);
      stage.expect(suspectCount() === 0, "P11", "a step of the wall clock makes instances suspect");
      stage.world.crashClient("other");
      const isGone = () => !isShown(viewer, "orders/other");
      stage.await(isGone, 4_000, "P11", "the dead are removed after a step of the wall clock");
    },
  },
  {
    name: "half-closed-subscriber",
    story:
      "A subscriber's connection has ended on the node's side, and the subscriber does not know it " +
      "yet and goes on picking: no drain is confirmed by everyone in that time (P7).",
    play: (stage) => {
      stage.addNodes({ us: 1, eu: 1 });
      stage.settle();
      const provider = stage.addClient("provider", "us", ["us-1"]);
      stage.register(provider, "orders/o");
      const node = stage.world.node("eu-1");
      const viewer = stage.addClient("viewer", "eu", ["eu-1"]);
      const session = sessionOf(stage, node, viewer);
      viewer.watch("orders");
      stage.run(3_000);
      node.feed({ type: "session-close", session: session() });
      const outcome = stage.drain(provider, "orders/o", 1_500);
      const isConfirmed = outcome?.kind === "drained" && outcome.unconfirmed.length === 0;
      const picks = viewer.instances("orders")[0]?.state === InstanceState.up;
      stage.expect(
        !(isConfirmed && picks),
        "P7",
        "confirmed by everyone, and a subscriber picks it",
      );
    },
  },
];

/** Programs at the only node. */
function crowd(stage: Stage, count: number): readonly SimClient[] {
  stage.addNodes({ us: 1 });
  stage.settle();
  const clients = Array.from({ length: count }, (_, number) =>
    stage.addClient(`program-${number}`, "us", ["us-1"]),
  );
  for (const client of clients) stage.register(client, `orders/${client.id}`);
  stage.run(2_000);
  return clients;
}
