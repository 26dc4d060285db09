/** What must be counted or timed to be seen: who answers alone, who is told, how often, how soon. */
import { InstanceState, RECORD_COUNT_MAX, RecordKind, RemovalReason, Scope } from "@fpzk/core";
import type { SimClient } from "../world/sim-client.js";
import type { Scenario } from "./scenario.js";
import { bodyWith, idsOf, livenessIn, type Stage } from "./stage.js";

const REGIONS = ["us", "eu", "ap"] as const;
const NAMESPACE = "default";
/** Between regions 60 ms, inside 1 ms, and what simulated links take: see `world.ts`. */
const ONE_WAY_MS = 62;
const BUDGET_MS = 10;

export const PROMISE_SCENARIOS: readonly Scenario[] = [
  {
    name: "each-node-alone",
    story:
      "Each node in turn is cut off from all others: it answers a new caller in full, takes a " +
      "registration of a session and one by REST, and a removal, all at once (P1).",
    play: (stage) => {
      stage.addNodes({ us: 2, eu: 1, ap: 1 });
      stage.settle();
      const provider = stage.addClient("provider", "us", ["us-1"]);
      stage.register(provider, "orders/o");
      stage.run(3_000);
      for (const nodeId of [...stage.world.nodes.keys()]) playAlone(stage, nodeId);
    },
  },
  {
    name: "alone-from-the-start",
    story:
      "A node starts and reaches none of its seeds: after one ttl it is ready, answers, and takes " +
      "registrations; when the others come, both know everything (P1).",
    play: (stage) => {
      const others = ["us-2", "eu-1"];
      stage.cut(["us-1"], others);
      const node = stage.addNode("us-1", others);
      const client = stage.addClient("program", "us", ["us-1"]);
      client.watch("orders");
      const isReady = () => node.node.isReady;
      stage.await(isReady, stage.world.config.sessionTtlMs + 1_000, "P1", "a node alone is ready");
      stage.register(client, "orders/o");
      const isSeen = () => idsOf(client, "orders").join() === "o";
      stage.await(isSeen, 200, "P1", "a registration at a node alone");
      for (const nodeId of others) stage.addNode(nodeId, others);
      stage.run(3_000);
      stage.heal();
      const caller = stage.addClient("caller", "eu", ["eu-1"]);
      caller.watch("orders");
      stage.await(() => idsOf(caller, "orders").join() === "o", 10_000, "P2", "the others know it");
    },
  },
  {
    name: "one-message-per-party",
    story:
      "One registration among nine nodes and nine callers: every node is sent it once, into each " +
      "other region it goes once, and every caller is told once (P3, R13).",
    play: (stage) => {
      stage.addNodes({ us: 3, eu: 3, ap: 3 });
      stage.settle();
      for (const { id, region } of [...stage.world.nodes.values()]) {
        stage.addClient(`caller-${id}`, region, [id]).watch("orders");
      }
      const provider = stage.addClient("provider", "us", ["us-1"]);
      // Links that are one too many are closed by then.
      stage.run(15_000);
      for (const id of ["a", "b", "c"]) {
        const toNodes: string[] = [];
        const toCallers: string[] = [];
        let crossingCount = 0;
        stage.world.observe({
          peerSent: (from, to, message) => {
            if (!("groups" in message) || !names(message.groups, id)) return;
            toNodes.push(to.id);
            if (from.region !== to.region) crossingCount += 1;
          },
          sessionSent: (_node, client, message) => {
            if (message.type === "change" && names(message.groups, id)) toCallers.push(client.id);
          },
        });
        stage.register(provider, `orders/${id}`);
        stage.run(3_000);
        const isOnce = (list: readonly string[], count: number) =>
          list.length === count && new Set(list).size === count;
        stage.expect(isOnce(toNodes, 8), "P3", `${id} was sent to nodes ${toNodes.join(" ")}`);
        stage.expect(isOnce(toCallers, 9), "P3", `${id} was told to ${toCallers.join(" ")}`);
        const regions = `${id} crossed to other regions ${crossingCount} times`;
        stage.expect(crossingCount === REGIONS.length - 1, "R13", regions);
      }
    },
  },
  {
    name: "heartbeats-stay-home",
    story:
      "Sixty programs hold sessions with one node for twenty seconds: it answers each heartbeat " +
      "with one message, and nodes say no more to each other than without them (P9).",
    play: (stage) => {
      stage.addNodes({ us: 2, eu: 2 });
      stage.settle();
      stage.run(10_000);
      const quiet = countMessages(stage, 20_000);
      for (let number = 0; number < 60; number += 1) {
        const client = stage.addClient(`program-${number}`, "us", ["us-1"]);
        stage.register(client, `orders/o-${number}`);
      }
      stage.run(5_000);
      const busy = countMessages(stage, 20_000);
      const peers = `${quiet.peerCount} messages between nodes without programs, ${busy.peerCount} with`;
      // Digests come every second ± 10 %: twenty seconds may hold one more on some link.
      stage.expect(busy.peerCount <= quiet.peerCount * 1.03, "P9", peers);
      const beats = `${busy.heartbeatCount} heartbeats, ${busy.answerCount} answers`;
      stage.expect(busy.heartbeatCount >= 60 * 18, "P9", beats);
      stage.expect(Math.abs(busy.answerCount - busy.heartbeatCount) <= 60, "P9", beats);
    },
  },
  {
    name: "told-in-time",
    story:
      "Programs leave in every way there is: a caller in another region is told each step within " +
      "the time that docs/leases.md names, and not before (L2b).",
    play: (stage) => {
      stage.addNodes({ us: 2, eu: 2 });
      stage.settle();
      const caller = stage.addClient("caller", "eu", ["eu-1"]);
      caller.watch("orders");
      const [leaver, killed, lost] = ["leaver", "killed", "lost"].map((id) => {
        const client = stage.addClient(id, "us", ["us-1"]);
        stage.register(client, `orders/${id}`);
        return client;
      });
      if (leaver === undefined || killed === undefined || lost === undefined) return;
      registerLease(stage, "us-2", 2_000);
      const isFour = () => idsOf(caller, "orders").length === 4;
      stage.await(isFour, ONE_WAY_MS * 2, "P3", "all are seen");
      const { sessionTtlMs, confirmationMs, reconnectGraceMs } = stage.world.config;
      const leased = stage.world.now();

      stage.deregister(leaver, "orders/leaver");
      within(stage, { of: caller, id: "leaver", becomes: "gone", fromMs: 0, toMs: 0 });
      stage.world.crashClient("killed");
      const killedAt = stage.world.now();
      within(stage, { of: caller, id: "killed", becomes: "suspect", fromMs: 0, toMs: 0 });
      const graceMs = { fromMs: reconnectGraceMs, toMs: reconnectGraceMs };
      const leaseMs = { fromMs: 1_900, toMs: 2_000 };
      within(stage, { of: caller, id: "lease", becomes: "suspect", ...leaseMs, since: leased });
      within(stage, { of: caller, id: "killed", becomes: "gone", ...graceMs, since: killedAt });
      const leaseEndMs = { fromMs: 1_900 + confirmationMs, toMs: 2_000 + confirmationMs };
      within(stage, { of: caller, id: "lease", becomes: "gone", ...leaseEndMs, since: leased });

      // Its last heartbeat may be a second old.
      stage.world.crashClient("lost", true);
      const lostAt = stage.world.now();
      const silence = { fromMs: sessionTtlMs - 1_000, toMs: sessionTtlMs };
      within(stage, { of: caller, id: "lost", becomes: "suspect", ...silence, since: lostAt });
      const end = { fromMs: silence.fromMs + confirmationMs, toMs: silence.toMs + confirmationMs };
      within(stage, { of: caller, id: "lost", becomes: "gone", ...end, since: lostAt });
    },
  },
  {
    name: "link-that-the-other-needs",
    story:
      "A node's first link to another region goes to one whose own first relay it is. When it finds " +
      "a better one for itself, it keeps that link: each change of a program there is seen here " +
      "within the way that it takes (P3).",
    play: (stage) => {
      // By rendezvous order eu-1 writes to us-3, and us-3 to eu-3.
      for (const nodeId of ["eu-1", "eu-2", "eu-3"]) stage.addNode(nodeId, ["eu-1"]);
      stage.settle();
      const provider = stage.addClient("provider", "eu", ["eu-1"]);
      stage.register(provider, "orders/o");
      for (const nodeId of ["us-1", "us-2", "us-3"]) stage.addNode(nodeId, ["us-1", "eu-1"]);
      const caller = stage.addClient("caller", "us", ["us-1"]);
      caller.watch("orders");
      stage.await(() => idsOf(caller, "orders").length === 1, 10_000, "P2", "it is seen");
      for (let count = 1; count <= 80; count += 1) {
        stage.update(provider, "orders/o", String(count));
        const isSeen = () => {
          const [shown] = caller.instances("orders");
          return shown?.description.metadata["note"] === String(count);
        };
        stage.await(isSeen, 1 + ONE_WAY_MS + BUDGET_MS, "P3", `change ${count} is seen`);
      }
    },
  },
  {
    name: "late-renewal",
    story:
      "A registration by REST is renewed too late, but before it is removed: suspect meanwhile, and " +
      "alive for everybody at once when it is heard again (P6).",
    play: (stage) => {
      stage.addNodes({ us: 1, eu: 1 });
      stage.settle();
      const caller = stage.addClient("caller", "eu", ["eu-1"]);
      caller.watch("orders");
      registerLease(stage, "us-1", 2_000);
      const isLiveness = (liveness: string) => () =>
        livenessIn(caller, "orders/lease") === liveness;
      stage.await(isLiveness("suspect"), 2_500, "L2b", "a lease that is late is suspect");
      stage.run(1_000);
      const name = { namespace: NAMESPACE, service: "orders", id: "lease" };
      const renewed = stage.request("us-1", { kind: "renew", ...name });
      stage.expect(renewed?.refusal === undefined, "P6", "a renewal is refused");
      stage.await(isLiveness("alive"), ONE_WAY_MS * 2, "P6", "what was only late is alive again");
    },
  },
  {
    name: "node-without-room",
    story:
      "A program starts at a node that has no room for one record more, and is refused; some seconds " +
      "later others have gone, and it is registered without being asked again (P6).",
    // The oracle counts what the table only claims to hold.
    forgives: /^records of us-1: /,
    play: (stage) => {
      stage.addNode("us-1", []);
      stage.settle();
      const { table } = stage.world.node("us-1").node;
      // Four million tombstones take longer than to say that they are there.
      Object.defineProperty(table, "tombstoneCount", {
        value: RECORD_COUNT_MAX,
        configurable: true,
      });
      const program = stage.addClient("program", "us", ["us-1"]);
      stage.register(program, "orders/o");
      stage.run(4_000);
      stage.expect(!stage.holds("us-1", "orders/o"), "P10", "a full node takes one record more");
      Reflect.deleteProperty(table, "tombstoneCount");
      const isRegistered = () => program.statuses.get("orders/o") === "registered";
      stage.await(isRegistered, 6_000, "P6", "what was refused for want of room is registered");
    },
  },
];

/** One node cut off from all others must do all that a registry does. */
function playAlone(stage: Stage, nodeId: string): void {
  const { world } = stage;
  const others = [...world.nodes.keys()].filter((id) => id !== nodeId);
  const region = world.node(nodeId).region;
  stage.cut([nodeId], others);
  stage.run(12_000);
  const program = stage.addClient(`alone-${nodeId}`, region, [nodeId]);
  program.watch("orders");
  const own = `own-${nodeId}`;
  stage.register(program, `orders/${own}`);
  const sees = (id: string) => idsOf(program, "orders").includes(id);
  stage.await(() => sees("o") && sees(own), 500, "P1", `${nodeId} alone serves a program`);
  const lease = { namespace: NAMESPACE, service: "orders", id: `lease-${nodeId}` };
  const body = bodyWith(region, "");
  const isUp = { scope: Scope.global, state: InstanceState.up };
  const taken = stage.request(nodeId, { kind: "register", ...lease, ...isUp, ttlMs: 9_000, body });
  stage.expect(
    taken?.refusal === undefined,
    "P1",
    `${nodeId} alone refuses a registration by REST`,
  );
  stage.await(() => sees(lease.id), 500, "P1", `${nodeId} alone shows a registration by REST`);
  const reason = RemovalReason.deregistered;
  const gone = stage.request(nodeId, { kind: "deregister", ...lease, reason });
  stage.expect(gone?.refusal === undefined, "P1", `${nodeId} alone refuses a removal by REST`);
  stage.deregister(program, `orders/${own}`);
  stage.await(() => !sees(own) && !sees(lease.id), 500, "P1", `${nodeId} alone removes`);
  world.crashClient(program.id);
  stage.heal();
  stage.run(8_000);
}

function registerLease(stage: Stage, nodeId: string, ttlMs: number): void {
  const name = { namespace: NAMESPACE, service: "orders", id: "lease" };
  const body = bodyWith("us", "");
  const isUp = { scope: Scope.global, state: InstanceState.up };
  stage.request(nodeId, { kind: "register", ...name, ...isUp, ttlMs, body });
}

interface Step {
  readonly of: SimClient;
  readonly id: string;
  readonly becomes: "gone" | "suspect";
  /** The earliest and the latest, counted from `since` or now, without the way over the wires. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly since?: number;
}

function within(stage: Stage, { of, id, becomes, fromMs, toMs, since }: Step): void {
  const { world } = stage;
  const startedAt = since ?? world.now();
  const isSo = () => livenessIn(of, `orders/${id}`) === becomes;
  // A program's word has one way to its node before it goes on.
  const latestMs = toMs + 1 + ONE_WAY_MS + BUDGET_MS + 100;
  world.runUntil(isSo, startedAt + latestMs - world.now());
  const tookMs = world.now() - startedAt;
  const text = `${id} is ${becomes} for ${of.id} after ${tookMs.toFixed(0)} ms, not ${fromMs} to ${latestMs}`;
  stage.expect(isSo() && tookMs >= fromMs, "L2b", text);
}

function names(groups: readonly { readonly records: readonly unknown[] }[], id: string): boolean {
  return groups.some(({ records }) =>
    records.some((record) => {
      const { kind, id: named } = record as { readonly kind: number; readonly id: string };
      return kind === RecordKind.instance && named === id;
    }),
  );
}

/** What is said in some time, by whom. */
function countMessages(stage: Stage, durationMs: number) {
  const counts = { peerCount: 0, heartbeatCount: 0, answerCount: 0 };
  let isOver = false;
  stage.world.observe({
    peerSent: () => {
      if (!isOver) counts.peerCount += 1;
    },
    requestSent: (_client, _node, message) => {
      if (!isOver && message.type === "heartbeat") counts.heartbeatCount += 1;
    },
    sessionSent: () => {
      if (!isOver) counts.answerCount += 1;
    },
  });
  stage.run(durationMs);
  isOver = true;
  return counts;
}
