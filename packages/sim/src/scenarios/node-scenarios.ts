/** Nodes that die, are cut off, return, or are replaced, and what becomes of their clients. */
import { InstanceState, Scope } from "@fpzk/core";
import type { Scenario } from "./scenario.js";
import { isShown, livenessIn, type Stage } from "./stage.js";

/** Orphans are adopted and ended quickly, so that a scenario can wait for it. */
const HASTY = { config: { orphanSuspectMs: 2_000, orphanTtlMs: 6_000 } };

export const NODE_SCENARIOS: readonly Scenario[] = [
  {
    name: "region-cut-off",
    story:
      "A region is cut off for forty seconds: its instances are unreachable in the others' views, " +
      "nothing is removed, and all is alive again within ten seconds of the healing (P6).",
    play: (stage) => {
      stage.addNodes({ us: 2, eu: 2 });
      stage.settle();
      const names = ["us", "eu"];
      const programs = names.map((region) => stage.addClient(region, region));
      for (const program of programs) {
        stage.register(program, `orders/${program.id}`);
        program.watch("orders");
      }
      stage.run(2_000);
      const [us, eu] = programs;
      if (us === undefined || eu === undefined) return;
      stage.leaveAlone(us, eu);
      stage.neverLoses(us, "orders/eu");
      stage.neverLoses(eu, "orders/us");
      stage.cut(["us-1", "us-2", "us"], ["eu-1", "eu-2", "eu"]);
      stage.run(15_000);
      const seen = livenessIn(us, "orders/eu");
      stage.expect(seen === "unreachable", "P6", `what is cut off is shown as ${seen}`);
      stage.run(25_000);
      stage.heal();
      const isWhole = () =>
        livenessIn(us, "orders/eu") === "alive" && livenessIn(eu, "orders/us") === "alive";
      stage.await(isWhole, 10_000, "P2", "two regions are whole again");
    },
  },
  {
    name: "drain-across-a-cut",
    story:
      "A program drains while another region is cut off: the drain ends at its deadline and names " +
      "who could not be asked, since callers there may still pick the instance (P7, L3).",
    play: (stage) => {
      stage.addNodes({ us: 2, eu: 2 });
      stage.settle();
      const provider = stage.addClient("provider", "us");
      stage.register(provider, "orders/o");
      const viewer = stage.addClient("viewer", "eu");
      viewer.watch("orders");
      stage.run(3_000);
      stage.cut(["us-1", "us-2", "provider"], ["eu-1", "eu-2", "viewer"]);
      stage.run(12_000);
      const startedAt = stage.world.now();
      const outcome = stage.drain(provider, "orders/o", 2_000);
      const elapsedMs = stage.world.now() - startedAt;
      stage.expect(elapsedMs <= 4_500, "L3", `a drain of 2,000 ms took ${elapsedMs} ms`);
      const unconfirmed = outcome?.kind === "drained" ? outcome.unconfirmed : [];
      const isNamed = unconfirmed.some((name) => name.includes("eu-"));
      stage.expect(isNamed, "P7", "the drain does not name the region that is cut off");
    },
  },
  {
    name: "one-cable-cut",
    story:
      "The cable between two of three nodes is cut: both are alive for everybody, because the third " +
      "hears them (SWIM's indirect probe).",
    play: (stage) => {
      stage.addNodes({ us: 3 });
      stage.settle();
      neverJudged(stage, ["dead", "unreachable", "suspect"]);
      stage.cut(["us-1"], ["us-2"]);
      stage.run(20_000);
    },
  },
  {
    name: "line-of-regions",
    story:
      "Four regions reach each other only in a line: the ends take each other for alive, because " +
      "what each writes comes through (P2).",
    play: (stage) => {
      const line = ["us", "eu", "ap", "sa"];
      for (const [index, region] of line.entries()) {
        const next = line[index - 1];
        stage.addNode(`${region}-1`, next === undefined ? [] : [`${next}-1`]);
      }
      for (const [index, from] of line.entries()) {
        for (const to of line.slice(index + 2)) stage.cut([`${from}-1`], [`${to}-1`]);
      }
      stage.run(30_000);
      for (const [a, b] of [
        ["us-1", "sa-1"],
        ["sa-1", "us-1"],
      ] as const) {
        const status = stage.statusOf(a, b);
        stage.expect(status === "alive", "P2", `${b} takes ${a} for ${status}`);
      }
    },
  },
  {
    name: "short-pause-of-a-node",
    story:
      "A node stands still for four and a half seconds: the others suspect it, and nobody takes it " +
      "for dead or out of reach (time to refute).",
    play: (stage) => {
      stage.addNodes({ us: 3 });
      stage.settle();
      neverJudged(stage, ["dead", "unreachable"]);
      stage.world.freeze(stage.world.node("us-3"), 4_500);
      stage.run(10_000);
      const status = stage.statusOf("us-3", "us-1");
      stage.expect(status === "alive", "P6", `a node that woke is ${status}`);
    },
  },
  {
    name: "jittery-links",
    story:
      "Links between regions get four hundred milliseconds of jitter: no link is given up and no " +
      "node suspected, because detectors learn what is usual.",
    play: (stage) => {
      stage.addNodes({ us: 2, eu: 2 });
      stage.settle();
      stage.worsen({ jitterMs: 400 });
      let silentCount = 0;
      stage.world.observe({
        noted: (_process, { event }) => {
          if (event === "link.silent") silentCount += 1;
        },
      });
      stage.run(30_000);
      stage.expect(silentCount === 0, "P6", `${silentCount} links were given up for some jitter`);
    },
  },
  {
    name: "long-split-heals",
    story:
      "Two nodes of a region that know each other's addresses from records alone are apart until " +
      "each takes the other for gone: they find each other again (a split that heals).",
    play: (stage) => {
      stage.addNode("us-1", []);
      stage.addNode("us-2", ["us-1"]);
      stage.addNode("us-3", ["us-1"]);
      stage.settle();
      stage.cut(["us-3"], ["us-1", "us-2"]);
      stage.run(40_000);
      stage.heal();
      const isWhole = () =>
        ["us-1", "us-2"].every((id) => stage.statusOf("us-3", id) === "alive") &&
        ["us-1", "us-2"].every((id) => stage.statusOf(id, "us-3") === "alive");
      stage.await(isWhole, 12_000, "P2", "nodes that were apart for long are together");
    },
  },
  {
    name: "seed-is-lost",
    story:
      "Three nodes know only a fourth one's address, and its host is lost: they know each other " +
      "from its records, and what one registers all others show.",
    play: (stage) => {
      for (const nodeId of ["us-1", "us-2", "us-3", "us-4"]) stage.addNode(nodeId, ["us-1"]);
      stage.settle();
      stage.world.crash("us-1", true);
      const viewer = stage.addClient("viewer", "us", ["us-4"]);
      viewer.watch("orders");
      const provider = stage.addClient("provider", "us", ["us-2"]);
      stage.register(provider, "orders/o");
      stage.await(() => isShown(viewer, "orders/o"), 4_000, "P2", "what one registers all show");
    },
  },
  {
    name: "rolling-restart",
    story:
      "Three nodes are stopped and started one after the other under six programs: each is alive in " +
      "every view all the time, and so are the nodes for each other at the end.",
    play: (stage) => {
      const ids = ["us-1", "us-2", "us-3"];
      for (const nodeId of ids) stage.addNode(nodeId, ids);
      stage.settle();
      const programs = Array.from({ length: 6 }, (_, number) =>
        stage.addClient(`program-${number}`, "us", ids),
      );
      for (const program of programs) {
        stage.register(program, `orders/${program.id}`);
        program.watch("orders");
      }
      stage.run(2_000);
      for (const program of programs) {
        for (const other of programs) stage.neverLoses(program, `orders/${other.id}`);
      }
      stage.world.observe({
        viewChanged: (client, { changes }) => {
          const change = changes.find(({ instance }) => instance.liveness !== "alive");
          if (change === undefined) return;
          const { id, liveness } = change.instance;
          stage.fail("P6", `${client.id} sees ${id} ${liveness} in a rolling restart`);
        },
      });
      for (const nodeId of ids) {
        stage.world.node(nodeId).feed({ type: "shutdown" });
        const isDown = () => !stage.world.nodes.has(nodeId);
        stage.await(isDown, 15_000, "L3", `${nodeId} stops`);
        stage.run(1_000);
        stage.addNode(nodeId, ids);
        stage.run(6_000);
      }
      for (const a of ids) {
        for (const b of ids) {
          const status = stage.statusOf(a, b);
          stage.expect(status === "alive", "P2", `${b} takes ${a} for ${status}`);
        }
      }
    },
  },
  {
    name: "node-and-program-are-lost",
    story:
      "A node and the host of its program are lost together: one other node takes the instance " +
      "over, it is suspect for its time, and then removed everywhere (L2).",
    options: HASTY,
    play: (stage) => {
      stage.addNodes({ us: 3 });
      stage.settle();
      const provider = stage.addClient("provider", "us", ["us-3"]);
      stage.register(provider, "orders/o");
      const viewer = stage.addClient("viewer", "us", ["us-1"]);
      viewer.watch("orders");
      stage.run(2_000);
      const writers = new Set<string>();
      stage.world.observe({
        stored: (node, record) => {
          if (record.id !== "o" || record.origin.nodeId !== node.id) return;
          writers.add(node.id);
        },
      });
      stage.world.crashClient("provider", true);
      stage.world.crash("us-3", true);
      const isSuspect = () => livenessIn(viewer, "orders/o") === "suspect";
      stage.await(isSuspect, 18_000, "L2", "what came back nowhere is suspect");
      const suspectAt = stage.world.now();
      stage.await(() => !isShown(viewer, "orders/o"), 12_000, "L2", "and is removed");
      const heldMs = stage.world.now() - suspectAt;
      stage.expect(heldMs > 5_000, "P6", `it was removed ${heldMs} ms after it was suspect`);
      stage.expect(writers.size === 1, "S5", `taken over by ${[...writers].join(" and ")}`);
    },
  },
  {
    name: "program-outlives-its-node",
    story:
      "A node is killed while its program stands still for ten seconds: the instance is orphaned " +
      "and still picked, not suspect, and it is back with the program (P6).",
    play: (stage) => {
      stage.addNodes({ us: 3 });
      stage.settle();
      const provider = stage.addClient("provider", "us", ["us-2"]);
      stage.register(provider, "orders/o");
      const viewer = stage.addClient("viewer", "us", ["us-1"]);
      viewer.watch("orders");
      stage.run(2_000);
      stage.neverLoses(viewer, "orders/o");
      stage.world.freeze(provider, 10_000);
      stage.world.crash("us-2");
      stage.run(8_000);
      const seen = livenessIn(viewer, "orders/o");
      stage.expect(seen === "orphaned", "P6", `an instance without its node is ${seen}`);
      const isAlive = () => livenessIn(viewer, "orders/o") === "alive";
      stage.await(isAlive, 10_000, "P6", "the program is registered again");
    },
  },
  {
    name: "drain-of-what-was-left-behind",
    story:
      "A program with an instance for its region alone flees to another region, goes home when its " +
      "node there is killed, and drains: the other region's callers pick it no more either (P7).",
    play: (stage) => {
      stage.addNodes({ us: 1, eu: 2 });
      stage.settle();
      const provider = stage.addClient("provider", "us", ["us-1", "eu-1"]);
      stage.register(provider, "orders/o", { scope: Scope.region });
      const caller = stage.addClient("caller", "eu");
      caller.watch("orders");
      stage.run(2_000);
      stage.world.crash("us-1");
      const refuge = () => provider.machine.connectedNodeId;
      const hasFled = () => refuge() !== undefined && isShown(caller, "orders/o");
      stage.await(hasFled, 5_000, "P1", "it is there for the other region");
      stage.addNode("us-1", ["eu-1", "eu-2"]);
      stage.run(5_000);
      stage.world.crash(refuge() ?? "eu-1");
      const isHome = () => refuge() === "us-1";
      stage.await(isHome, 15_000, "P1", "the program is at home again");
      stage.run(12_000);
      const outcome = stage.drain(provider, "orders/o", 5_000);
      const isConfirmed = outcome?.kind === "drained" && outcome.unconfirmed.length === 0;
      stage.expect(isConfirmed, "L3", "a drain in a whole world is not confirmed by everyone");
      const shown = caller.instances("orders")[0];
      stage.expect(shown?.state !== InstanceState.up, "P7", "a caller picks what was left behind");
    },
  },
  {
    name: "drain-of-what-was-adopted",
    story:
      "What a program left behind in another region, where its node was killed, is adopted by the " +
      "node beside it. At home the program registers the instance anew, and drains: the other " +
      "region's callers pick it no more either (P7).",
    options: HASTY,
    play: (stage) => {
      stage.addNodes({ us: 1, eu: 2 });
      stage.settle();
      const provider = stage.addClient("provider", "us", ["eu-1", "us-1"]);
      stage.register(provider, "orders/o", { scope: Scope.region });
      const caller = stage.addClient("caller", "eu", ["eu-2"]);
      caller.watch("orders");
      stage.run(2_000);
      stage.world.crash("eu-1");
      const isHome = () => provider.machine.connectedNodeId === "us-1";
      stage.await(isHome, 15_000, "P1", "the program is at home");
      stage.addNode("eu-1", ["eu-2", "us-1"]);
      stage.deregister(provider, "orders/o");
      stage.run(1_000);
      stage.register(provider, "orders/o", { scope: Scope.region });
      const isAdopted = () => livenessIn(caller, "orders/o") === "suspect";
      stage.await(isAdopted, 60_000, "P6", "what it left behind is suspect in the other region");
      const outcome = stage.drain(provider, "orders/o", 5_000);
      const isConfirmed = outcome?.kind === "drained" && outcome.unconfirmed.length === 0;
      stage.expect(isConfirmed, "L3", "a drain in a whole world is not confirmed by everyone");
      const shown = caller.instances("orders")[0];
      stage.expect(shown?.state !== InstanceState.up, "P7", "a caller picks what was left behind");
    },
  },
  {
    name: "reconnect-slots",
    story:
      "A node with six hundred sessions is killed: they come to the other evenly over the time that " +
      "the node had handed out, also those that were there first.",
    play: (stage) => {
      const count = 600;
      stage.addNode("us-1", []);
      stage.settle();
      for (let number = 0; number < count; number += 1) {
        stage.addClient(`program-${number}`, "us", ["us-1", "us-2"]);
      }
      stage.run(1_500);
      stage.addNode("us-2", ["us-1"]);
      stage.run(2_500);
      const openedAt = arrivalsAt(stage, "us-2");
      stage.world.crash("us-1");
      stage.run(2_500);
      const most = mostWithin(openedAt, 20);
      stage.expect(openedAt.length >= count / 2, "P8", `${openedAt.length} of ${count} came back`);
      // Evenly over 300 ms, 20 ms see 40 of them on average.
      stage.expect(most <= count / 8, "P8", `${most} of ${count} came within 20 ms`);
    },
  },
  {
    name: "tries-spread",
    story:
      "Sixty clients lose their only node together and go on trying: their tries spread instead of " +
      "coming in waves.",
    play: (stage) => {
      stage.addNode("us-1", []);
      stage.settle();
      for (let number = 0; number < 60; number += 1) stage.addClient(`p-${number}`, "us", ["us-1"]);
      stage.run(2_000);
      stage.world.crash("us-1");
      const triedAt: number[] = [];
      const { world } = stage;
      const connect = world.connectSession.bind(world);
      world.connectSession = (client, address, events) => {
        triedAt.push(world.now());
        return connect(client, address, events);
      };
      stage.run(2_000);
      triedAt.length = 0;
      stage.run(12_000);
      const most = mostWithin(triedAt, 50);
      stage.expect(triedAt.length > 60, "P8", `only ${triedAt.length} tries in twelve seconds`);
      stage.expect(most <= 20, "P8", `${most} of 60 clients try within 50 ms`);
    },
  },
  {
    name: "sessions-spread",
    story:
      "Sixty clients start with three nodes to choose from: no node has fewer than a tenth of them.",
    play: (stage) => {
      const ids = ["us-1", "us-2", "us-3"];
      for (const nodeId of ids) stage.addNode(nodeId, ids);
      stage.settle();
      for (let number = 0; number < 60; number += 1) stage.addClient(`p-${number}`, "us", ids);
      stage.run(2_000);
      for (const nodeId of ids) {
        const { sessionCount } = stage.world.node(nodeId).node;
        stage.expect(sessionCount >= 6, "P8", `${nodeId} has ${sessionCount} of 60 sessions`);
      }
    },
  },
];

/** From now on no node may take another for any of these. */
function neverJudged(stage: Stage, statuses: readonly string[]): void {
  stage.world.observe({
    noted: (process, { event, fields }) => {
      const status = event.startsWith("member.") ? event.slice("member.".length) : "";
      if (!statuses.includes(status)) return;
      stage.fail("P6", `${process.id} takes ${String(fields.nodeId)} for ${status}`);
    },
  });
}

/** When sessions open at a node, from now on. */
function arrivalsAt(stage: Stage, nodeId: string): number[] {
  const times: number[] = [];
  stage.tapNode(stage.world.node(nodeId), ({ type }) => {
    if (type === "session-open") times.push(stage.world.now());
  });
  return times;
}

/** The most events within any span of a length; times are ascending. */
function mostWithin(times: readonly number[], spanMs: number): number {
  let most = 0;
  let first = 0;
  for (const [last, at] of times.entries()) {
    while (at - (times[first] ?? at) > spanMs) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
