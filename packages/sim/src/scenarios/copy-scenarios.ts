/** How copies come together again: after absence, loss, resets and silent faults. */
import { type LinkKey, MapRecordTable, RecordKind, Scope } from "@fpzk/core";
import type { Scenario } from "./scenario.js";
import { bodyWith, idsOf, isShown, type Stage } from "./stage.js";

/** Of a service that needs several messages: 50 instances with 8 KiB each are above 256 KiB. */
const LARGE_COUNT = 50;
const LARGE_NOTE = "x".repeat(8 * 1024);
/** 1.2 MB: five messages. */
const SEVERAL_PARTS_COUNT = 150;
/** Removals are forgotten quickly, so that an absence can be longer. */
const FORGETFUL = { config: { tombstoneTtlMs: 4_000 } };
/** An absence after which removals are forgotten. */
const ABSENCE_MS = 12_000;

export const COPY_SCENARIOS: readonly Scenario[] = [
  {
    name: "large-service",
    story:
      "A service larger than one message: who watched from the start, who comes later, and a node " +
      "that joins and must be filled in parts all hold every instance.",
    play: (stage) => {
      stage.addNodes({ us: 1, eu: 1 });
      stage.settle();
      const early = stage.addClient("early", "eu", ["eu-1"]);
      early.watch("orders");
      registerLarge(stage);
      stage.run(3_000);
      const late = stage.addClient("late", "eu", ["eu-1"]);
      late.watch("orders");
      stage.addNode("eu-2", ["eu-1"]);
      stage.run(5_000);
      const atJoined = stage.addClient("at-joined", "eu", ["eu-2"]);
      atJoined.watch("orders");
      stage.run(2_000);
      for (const viewer of [early, late, atJoined]) {
        const count = idsOf(viewer, "orders").length;
        stage.expect(count === LARGE_COUNT, "L1", `${viewer.id} sees ${count} of ${LARGE_COUNT}`);
      }
    },
  },
  {
    name: "away-for-long",
    story:
      "A region is cut off for longer than removals are remembered; meanwhile an instance is " +
      "deregistered. When the region is back the instance is gone there too, and returns nowhere.",
    options: FORGETFUL,
    play: (stage) => {
      stage.addNodes({ us: 2, eu: 2 });
      stage.settle();
      const provider = stage.addClient("provider", "us");
      stage.register(provider, "orders/stays");
      stage.register(provider, "orders/leaves");
      const viewer = stage.addClient("viewer", "eu");
      viewer.watch("orders");
      stage.run(2_000);
      stage.cut(["eu-1", "eu-2", "viewer"], ["us-1", "us-2"]);
      stage.run(1_000);
      stage.deregister(provider, "orders/leaves");
      stage.run(ABSENCE_MS);
      stage.heal();
      stage.await(
        () => !isShown(viewer, "orders/leaves"),
        6_000,
        "L1",
        "the viewer drops what left",
      );
      stage.expect(isShown(viewer, "orders/stays"), "S2", "the viewer lost what stayed");
      stage.run(3_000);
      for (const nodeId of stage.world.nodes.keys()) {
        stage.expect(!stage.holds(nodeId, "orders/leaves"), "S1", `${nodeId} holds what left`);
      }
    },
  },
  {
    name: "both-sides-forgot",
    story:
      "Two regions are apart for longer than removals are remembered, and each removes something. " +
      "Each resets the other: what one has seen removed does not come back from the other.",
    options: FORGETFUL,
    play: (stage) => {
      stage.addNodes({ us: 2, eu: 1 });
      stage.settle();
      const american = stage.addClient("american", "us", ["us-2"]);
      const european = stage.addClient("european", "eu", ["eu-1"]);
      stage.register(american, "orders/a");
      stage.register(european, "orders/e");
      const viewer = stage.addClient("viewer", "us", ["us-1"]);
      viewer.watch("orders");
      stage.run(2_000);
      stage.cut(["eu-1", "european"], ["us-1", "us-2"]);
      stage.run(1_000);
      stage.deregister(american, "orders/a");
      stage.deregister(european, "orders/e");
      stage.run(ABSENCE_MS);
      stage.heal();
      stage.run(8_000);
      for (const nodeId of stage.world.nodes.keys()) {
        for (const name of ["orders/a", "orders/e"]) {
          stage.expect(!stage.holds(nodeId, name), "S1", `${nodeId} holds ${name}`);
        }
      }
      stage.expect(idsOf(viewer, "orders").length === 0, "S1", "a view shows what was removed");
    },
  },
  {
    name: "reset-by-one-that-knows-less",
    story:
      "A region that was away for long has an instance of its own that nobody else knows yet. The " +
      "reset that it needs does not take that away (P4).",
    options: FORGETFUL,
    play: (stage) => {
      stage.addNodes({ us: 1, eu: 2 });
      stage.settle();
      const american = stage.addClient("american", "us", ["us-1"]);
      stage.register(american, "orders/a");
      stage.run(2_000);
      stage.cut(["us-1", "american"], ["eu-1", "eu-2"]);
      stage.run(500);
      stage.deregister(american, "orders/a");
      const viewer = stage.addClient("viewer", "eu", ["eu-1"]);
      viewer.watch("orders");
      const european = stage.addClient("european", "eu", ["eu-2"]);
      stage.register(european, "orders/e");
      stage.run(ABSENCE_MS);
      stage.expect(isShown(viewer, "orders/e"), "P3", "the viewer does not see its own region");
      stage.neverLoses(viewer, "orders/e");
      stage.heal();
      // Else us-1 might hear of it before it gives.
      stage.cut(["us-1"], ["eu-2"]);
      stage.run(6_000);
      stage.expect(isShown(viewer, "orders/e"), "S2", "the viewer lost its own region's instance");
    },
  },
  {
    name: "reset-in-parts",
    story:
      "A node that was away for long is reset with more than one message: no view at it loses an " +
      "instance whose part is still on its way.",
    options: FORGETFUL,
    play: (stage) => {
      stage.addNodes({ us: 1, eu: 1 });
      stage.settle();
      const viewer = stage.addClient("viewer", "eu", ["eu-1"]);
      viewer.watch("orders");
      const provider = registerLarge(stage);
      stage.register(provider, "orders/leaves");
      stage.run(3_000);
      stage.cut(["eu-1"], ["us-1"]);
      stage.run(500);
      stage.deregister(provider, "orders/leaves");
      stage.run(ABSENCE_MS);
      stage.neverLoses(viewer, `orders/o-${LARGE_COUNT - 1}`);
      stage.neverLoses(viewer, "orders/o-0");
      stage.heal();
      stage.run(8_000);
      const count = idsOf(viewer, "orders").length;
      stage.expect(count === LARGE_COUNT, "L1", `the viewer sees ${count} of ${LARGE_COUNT}`);
    },
  },
  {
    name: "lost-push",
    story:
      "The messages of a moment are lost between nodes: what they carried is there within three " +
      "seconds, and equal versions never mean unequal content.",
    play: (stage) => {
      stage.addNodes({ us: 2, eu: 1 });
      stage.settle();
      const provider = stage.addClient("provider", "us", ["us-1"]);
      const viewers = ["us-2", "eu-1"].map((nodeId) =>
        stage.addClient(`viewer-${nodeId}`, nodeId.slice(0, 2), [nodeId]),
      );
      for (const viewer of viewers) viewer.watch("orders");
      stage.run(2_000);
      const clearUp = stage.worsen({ lossRatio: 1 });
      stage.register(provider, "orders/o");
      stage.run(300);
      clearUp();
      const isSeen = () => viewers.every((viewer) => isShown(viewer, "orders/o"));
      stage.await(isSeen, 3_000, "L1", "what was lost is repaired");
    },
  },
  {
    name: "through-a-third-region",
    story:
      "Two regions reach each other only through a third: a registration in one shows in the other " +
      "within two rounds of repair on each hop (P2).",
    play: (stage) => {
      stage.addNodes({ us: 1, eu: 1, ap: 1 });
      stage.cut(["us-1"], ["ap-1"]);
      stage.settle();
      const viewer = stage.addClient("viewer", "ap", ["ap-1"]);
      viewer.watch("orders");
      const provider = stage.addClient("provider", "us", ["us-1"]);
      stage.register(provider, "orders/o");
      stage.await(() => isShown(viewer, "orders/o"), 5_000, "P2", "word goes through the third");
    },
  },
  {
    name: "regional-stays-home",
    story:
      "A registration for one region alone is in no copy and no view of another, and in every one " +
      "of its own.",
    play: (stage) => {
      stage.addNodes({ us: 2, eu: 1 });
      stage.settle();
      const provider = stage.addClient("provider", "us", ["us-1"]);
      const viewers = ["us-2", "eu-1"].map((nodeId) =>
        stage.addClient(`viewer-${nodeId}`, nodeId.slice(0, 2), [nodeId]),
      );
      for (const viewer of viewers) viewer.watch("orders");
      stage.run(1_000);
      stage.register(provider, "orders/o", { scope: Scope.region });
      stage.run(4_000);
      const seenAt = viewers.filter((viewer) => isShown(viewer, "orders/o")).map(({ id }) => id);
      stage.expect(seenAt.join() === "viewer-us-2", "R12", `it is seen by ${seenAt.join(", ")}`);
      stage.expect(!stage.holds("eu-1", "orders/o"), "R12", "eu-1 holds a record of us alone");
    },
  },
  {
    name: "silent-loss",
    story:
      "A node loses one record by a fault that nobody notices: within seconds equal versions with " +
      "unequal content are found, and it is there again (R11).",
    divergesOnPurpose: true,
    play: (stage) => {
      stage.addNodes({ us: 2 });
      stage.settle();
      const provider = stage.addClient("provider", "us", ["us-1"]);
      stage.register(provider, "orders/o");
      stage.run(3_000);
      const { table } = stage.world.node("us-2").node;
      const slot = [...table.slots()].find((each) => table.kind(each) === RecordKind.instance);
      // Past those who look on: no node did this.
      if (slot !== undefined) MapRecordTable.prototype.remove.call(table, slot);
      stage.await(() => stage.holds("us-2", "orders/o"), 5_000, "R11", "the lost record is back");
    },
  },
  {
    name: "moved-before-its-node-was-forgotten",
    story:
      "A region is away while a node starts anew, its program moves, and the node's past life is " +
      "forgotten: when the region is back, no view loses the program for a moment.",
    options: { config: { tombstoneTtlMs: 3_000 } },
    play: (stage) => {
      stage.addNodes({ us: 2, eu: 1 });
      stage.settle();
      const program = stage.addClient("program", "us", ["us-1", "us-2"]);
      program.watch("users");
      stage.register(program, "orders/o");
      const viewer = stage.addClient("viewer", "eu", ["eu-1"]);
      viewer.watch("orders");
      stage.run(2_000);
      stage.neverLoses(viewer, "orders/o");
      stage.cut(["eu-1"], ["us-1", "us-2"]);
      stage.run(500);
      const nodeId = program.machine.connectedNodeId ?? "us-1";
      stage.world.crash(nodeId);
      stage.run(1_500);
      stage.addNode(nodeId, ["us-1", "us-2"]);
      stage.run(15_000);
      stage.heal();
      stage.run(8_000);
      stage.expect(isShown(viewer, "orders/o"), "S2", "the viewer lost a program that moved");
    },
  },
  {
    name: "moved-while-a-node-fills",
    story:
      "A program moves from one node to another, and a third one, far away on a slow line, starts " +
      "anew. It has been sent the stream that the program left, and not yet the one that it is in: " +
      "a caller that asks it for everything just then does not lose the program (R18).",
    play: (stage) => {
      stage.addNodes({ us: 2, eu: 1 });
      stage.settle();
      stage.cut(["program"], ["us-2"]);
      const program = stage.addClient("program", "us", ["us-1", "us-2"]);
      stage.register(program, "orders/o");
      stage.run(1_000);
      registerLarge(stage, SEVERAL_PARTS_COUNT);
      const viewer = stage.addClient("viewer", "eu", ["eu-1"]);
      viewer.watch("orders");
      stage.run(2_000);
      stage.expect(isShown(viewer, "orders/o"), "P3", "the viewer does not see the program");
      stage.neverLoses(viewer, "orders/o");
      stage.heal();
      stage.cut(["program"], ["us-1"]);
      stage.cut(["eu-1"], ["us-2"]);
      stage.cut(["viewer"], ["us-1", "us-2"]);
      stage.world.crash("eu-1", true);
      stage.run(8_000);
      const isFar = (from: string, to: string) => from === "us-1" && to === "eu-1";
      const clearUp = stage.world.network.worsen(isFar, { bytesPerMs: 100 });
      stage.addNode("eu-1", ["us-1"]);
      stage.await(() => stage.holds("eu-1", "orders/o-0"), 30_000, "L1", "a first part is there");
      stage.expect(!stage.holds("eu-1", "orders/o"), "L1", "the scenario needs a second part");
      stage.await(() => stage.holds("eu-1", "orders/o"), 30_000, "L1", "the second part is there");
      clearUp();
      stage.heal();
      stage.run(8_000);
      stage.expect(isShown(viewer, "orders/o"), "S2", "the viewer lost a program that moved");
    },
  },
  {
    name: "busy-link",
    story:
      "A link can take no more for longer than removals are remembered, and an instance leaves " +
      "meanwhile. What is sent afterwards does not hide that, and nothing diverges.",
    options: FORGETFUL,
    play: (stage) => {
      const first = stage.addNode("us-1", []);
      const links = new Set<LinkKey>();
      stage.tapNode(first, (event) => {
        if (event.type === "link-open") links.add(event.link);
        if (event.type === "link-close") links.delete(event.link);
      });
      stage.addNode("us-2", ["us-1"]);
      stage.settle();
      const provider = stage.addClient("provider", "us", ["us-1"]);
      stage.register(provider, "orders/leaves");
      stage.register(provider, "orders/stays");
      stage.run(2_000);
      for (const link of links) first.feed({ type: "link-congested", link });
      stage.deregister(provider, "orders/leaves");
      stage.run(6_000);
      for (const link of links) first.feed({ type: "link-writable", link });
      stage.run(8_000);
      stage.expect(!stage.holds("us-2", "orders/leaves"), "L1", "us-2 holds what left");
      stage.expect(stage.holds("us-2", "orders/stays"), "L1", "us-2 lost what stayed");
    },
  },
  {
    name: "woken-on-a-starved-machine",
    story:
      "A node stands still for 33 s while its neighbour, which stalls again and again, keeps their " +
      "link open and sees programs come and go. Awake, it soon holds what the neighbour holds.",
    play: (stage) => {
      stage.addNodes({ us: 3 });
      stage.settle();
      const provider = stage.addClient("provider", "us", ["us-2"]);
      stage.register(provider, "orders/stays");
      stage.run(2_000);
      const stall = (round: number, nodeIds: readonly string[]) => {
        const nodeId = nodeIds[round % nodeIds.length] ?? "us-2";
        if (round % 4 === 0) stage.world.freeze(stage.world.node(nodeId), 700);
        stage.run(300);
      };
      stage.world.freeze(stage.world.node("us-1"), 33_000);
      for (let round = 0; round < 120; round += 1) {
        const name = `orders/o-${round % 5}`;
        if (round % 10 < 5) stage.register(provider, name);
        else stage.deregister(provider, name);
        stall(round, ["us-2", "us-3"]);
      }
      stage.register(provider, "orders/late");
      for (let round = 0; round < 15; round += 1) stall(round, ["us-1", "us-2", "us-3"]);
      for (const nodeId of ["us-1", "us-2", "us-3"]) {
        const held = ["stays", "late", "o-0", "o-4"].filter((id) =>
          stage.holds(nodeId, `orders/${id}`),
        );
        const text = `${nodeId} holds ${held.join(", ")}`;
        stage.expect(held.join() === "stays,late", "L1", text);
      }
    },
  },
];

function registerLarge(stage: Stage, count = LARGE_COUNT) {
  const provider = stage.addClient("provider", "us", ["us-1"]);
  for (let number = 0; number < count; number += 1) {
    stage.register(provider, `orders/o-${number}`, { body: bodyWith("us", LARGE_NOTE) });
  }
  const isAll = () =>
    [...provider.statuses.values()].filter((status) => status === "registered").length === count;
  stage.await(isAll, 5_000, "P1", "a large service is registered");
  return provider;
}
