/** Two processes of one id: which of them goes on. */
import { InstanceState, RecordKind } from "@fpzk/core";
import type { SimClient } from "../world/sim-client.js";
import type { Scenario } from "./scenario.js";
import { livenessIn, type Stage } from "./stage.js";

const HOUR_MS = 3_600_000;

export const CLAIM_SCENARIOS: readonly Scenario[] = [
  {
    name: "later-process-comes-back",
    story:
      "The later of two processes deregisters while the earlier one waits for it, which then has " +
      "the id; the later one registers again: it is still the later one, and has it (P6, S5).",
    play: (stage) => {
      stage.addNodes({ us: 2 });
      stage.settle();
      const early = stage.addClient("early", "us", ["us-1"]);
      stage.register(early, "orders/o");
      stage.run(1_000);
      stage.cut(["us-1", "early"], ["us-2", "late"]);
      const late = stage.addClient("late", "us", ["us-2"]);
      stage.register(late, "orders/o");
      stage.run(1_000);
      // Suspect when the earlier one hears of it: it may come back, and is waited for.
      stage.world.freeze(late, 7_000);
      stage.run(3_500);
      stage.heal();
      stage.deregister(late, "orders/o");
      const isGone = () => late.statuses.get("orders/o") === "removed";
      stage.await(isGone, 10_000, "L3", "what a program deregisters when it wakes is gone");
      stage.run(1_000);
      const hasIt =
        early.statuses.get("orders/o") === "registered" && stage.holds("us-2", "orders/o");
      stage.expect(hasIt, "P6", "the earlier process does not have the id that nobody has");
      stage.register(late, "orders/o");
      expectLater(stage, early, late);
    },
  },
  {
    name: "claimed-from-the-living",
    story:
      "A process begins at a node that has just started, and waits when a later one takes its id: " +
      "that one might be dead, for all that the node knows. It lives, and keeps the id (S5).",
    play: (stage) => {
      stage.addNodes({ us: 2 });
      const early = stage.addClient("early", "us", ["us-1"]);
      stage.register(early, "orders/o");
      stage.run(500);
      const late = stage.addClient("late", "us", ["us-2"]);
      stage.register(late, "orders/o");
      stage.run(1_000);
      stage.expect(
        early.statuses.get("orders/o") === "registered",
        "P6",
        "the earlier process did not wait",
      );
      const claimed = stage.countStored(({ id }, { kind, origin }) => {
        return id === "us-1" && kind === RecordKind.instance && origin.nodeId === id;
      });
      expectLater(stage, early, late);
      stage.expect(claimed() === 0, "S5", "the earlier process was given the id meanwhile");
    },
  },
  {
    name: "clock-of-the-other-node",
    story:
      "The clock of one node is an hour ahead. A process begins there, and a later one of the same " +
      "id at a node that is cut off by then, and heard of that clock before: the later one has the " +
      "id when the cut is over (P11).",
    play: (stage) => {
      stage.addNodes({ us: 2 });
      stage.world.node("us-1").wallAheadMs += HOUR_MS;
      stage.settle();
      stage.cut(["us-1", "early"], ["us-2", "late"]);
      stage.run(1_000);
      const early = stage.addClient("early", "us", ["us-1"]);
      stage.register(early, "orders/o");
      stage.run(2_000);
      const late = stage.addClient("late", "us", ["us-2"]);
      stage.register(late, "orders/o");
      stage.run(2_000);
      stage.heal();
      expectLater(stage, early, late);
    },
  },
  {
    name: "all-nodes-forget",
    story:
      "A program and all nodes are lost; the nodes start with nothing, their clocks an hour behind " +
      "those of before, and the program's next life begins below what a caller still sees of the " +
      "last one: the caller sees it nevertheless (P6).",
    play: (stage) => {
      stage.addNodes({ us: 2 });
      stage.stepWallClocks(HOUR_MS);
      stage.settle();
      const former = stage.addClient("former", "us", ["us-1"]);
      stage.register(former, "orders/o");
      const viewer = stage.addClient("viewer", "us", ["us-2"]);
      viewer.watch("orders");
      stage.run(2_000);
      stage.world.crashClient("former", true);
      for (const nodeId of ["us-1", "us-2"]) stage.world.crash(nodeId);
      stage.run(1_000);
      stage.addNodes({ us: 2 });
      const next = stage.addClient("next", "us", ["us-1"]);
      stage.register(next, "orders/o");
      // Views are verified every ten heartbeats, and asked for again after five seconds more.
      stage.run(25_000);
      const seen = livenessIn(viewer, "orders/o");
      stage.expect(seen === "alive", "P6", `a caller that remembers more sees it ${seen}`);
    },
  },
  {
    name: "begins-below-a-view",
    story:
      "All nodes forget a program that an hour-old view still shows, and the view is verified ever " +
      "more seldom for that. The program's next life begins below it: the caller sees it in two " +
      "seconds all the same, and confirms its drain (P6, L3).",
    play: (stage) => {
      stage.addNodes({ us: 2 });
      stage.stepWallClocks(HOUR_MS);
      stage.settle();
      const former = stage.addClient("former", "us", ["us-1"]);
      stage.register(former, "orders/o");
      const viewer = stage.addClient("viewer", "us", ["us-2"]);
      viewer.watch("orders");
      stage.run(2_000);
      stage.world.crashClient("former", true);
      for (const nodeId of ["us-1", "us-2"]) stage.world.crash(nodeId);
      stage.run(1_000);
      stage.addNodes({ us: 2 });
      // Asked for again after 10 s, and then after 20 s more.
      stage.run(25_000);
      const next = stage.addClient("next", "us", ["us-1"]);
      stage.register(next, "orders/o");
      stage.run(2_000);
      const outcome = stage.drain(next, "orders/o", 2_000);
      const isConfirmed = outcome?.kind === "drained" && outcome.unconfirmed.length === 0;
      stage.expect(isConfirmed, "L3", "a caller that remembers more does not confirm the drain");
    },
  },
  {
    name: "change-while-waiting",
    story:
      "A program begins at a node that has just started, and below its dead predecessor, whose clock " +
      "was an hour ahead. While it waits for that one, it sets its state: it is registered in the " +
      "end, in that state (P6).",
    play: (stage) => {
      stage.addNodes({ us: 2 });
      stage.world.node("us-2").wallAheadMs += HOUR_MS;
      stage.settle();
      const former = stage.addClient("former", "us", ["us-2"]);
      stage.register(former, "orders/o");
      stage.run(2_000);
      stage.world.crashClient("former", true);
      stage.world.crash("us-1");
      stage.run(500);
      stage.addNode("us-1", ["us-2"]);
      const next = stage.addClient("next", "us", ["us-1"]);
      const isOnline = () => next.machine.connectedNodeId !== undefined;
      stage.await(isOnline, 1_000, "P1", "a program has a session");
      // Its clock was said to it before the node has heard of the other's.
      stage.await(() => stage.holds("us-1", "orders/o"), 1_000, "P2", "the node hears of it");
      stage.register(next, "orders/o");
      stage.run(0.1);
      // What it changes is not registered by its session, since that has to wait.
      stage.setState(next, "orders/o", InstanceState.offline);
      stage.run(1_000);
      const status = next.statuses.get("orders/o");
      stage.expect(status === undefined, "P6", `it does not wait, and is ${status}`);
      const isSo = () => {
        const isRegistered = next.statuses.get("orders/o") === "registered";
        return isRegistered && next.instances("orders")[0]?.state === InstanceState.offline;
      };
      next.watch("orders");
      stage.await(isSo, 12_000, "P6", "what had to wait is registered, as it is wanted");
    },
  },
  {
    name: "change-before-registered",
    story:
      "A program that reaches no node registers, and sets a state with less time than that: the " +
      "change fails in its time, and the program is registered all the same when a node comes.",
    play: (stage) => {
      const program = stage.addClient("program", "us", ["us-1"]);
      stage.register(program, "orders/o");
      const change = { type: "set-state", service: "orders", id: "o" } as const;
      program.command({ ...change, state: InstanceState.up, timeoutMs: 5_000 });
      stage.run(8_000);
      stage.addNodes({ us: 1 });
      // A registration has 20 s here.
      const isRegistered = () => program.statuses.get("orders/o") === "registered";
      stage.await(isRegistered, 12_000, "P6", "it is registered in its time");
    },
  },
];

/** The later process has the id in the end, the earlier one knows, and so it stays. */
function expectLater(stage: Stage, early: SimClient, late: SimClient): void {
  const isSo = () =>
    early.statuses.get("orders/o") === "superseded" &&
    late.statuses.get("orders/o") === "registered";
  stage.await(isSo, 15_000, "P6", "the later process has the id, and the earlier one knows");
  stage.run(5_000);
  stage.expect(isSo(), "S5", "the earlier process took the id back");
}
