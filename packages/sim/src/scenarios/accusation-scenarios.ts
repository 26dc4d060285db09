/** What callers say of instances that they cannot connect to, and what must come of it. */
import { InstanceState, Scope } from "@fpzk/core";
import type { SimClient } from "../world/sim-client.js";
import type { Scenario } from "./scenario.js";
import { bodyWith, isShown, livenessIn, type Stage } from "./stage.js";

const LEASE = { namespace: "default", service: "orders", id: "lease" } as const;
const TTL_MS = 60_000;

export const ACCUSATION_SCENARIOS: readonly Scenario[] = [
  {
    name: "accused-by-callers",
    story:
      "Callers of two regions cannot connect to an instance with a long lease by REST: one alone " +
      "changes nothing, two make it suspect for everybody, and its renewal lifts that. A program " +
      "whose session is heard stays as it is, whoever accuses it (P6). Nothing is removed.",
    play: (stage) => {
      const { callers, viewer } = beginWithCallers(stage, "eu-1");
      const provider = stage.addClient("provider", "us", ["us-2"]);
      stage.register(provider, "orders/living");
      stage.run(2_000);
      stage.leaveAlone(provider);
      stage.neverLoses(viewer, "orders/lease");
      const [first, second] = callers;
      for (let said = 0; said < 3; said += 1) {
        accuse(first, "lease");
        stage.run(1_000);
      }
      stage.expect(isAlive(viewer, "lease"), "P6", "one accuser made an instance suspect");
      accuse(second, "lease");
      const isSuspect = () => livenessIn(viewer, "orders/lease") === "suspect";
      stage.await(isSuspect, 1_500, "L9", "what two callers accuse is suspect");
      for (const caller of callers) accuse(caller, "living");
      stage.run(2_000);
      stage.expect(isAlive(viewer, "living"), "P6", "a program that is heard was made suspect");
      stage.request("us-2", { kind: "renew", ...LEASE });
      const isBack = () => isAlive(viewer, "lease");
      stage.await(isBack, 1_500, "L9", "a renewal lifts what callers said");
      for (const caller of callers) accuse(caller, "lease");
      stage.await(isSuspect, 1_500, "L9", "it can be accused again");
      accuse(first, "lease", true);
      stage.await(isBack, 1_500, "L9", "an accuser can take it back");
      stage.run(5_000);
      stage.expect(isShown(viewer, "orders/living"), "P6", "the program is gone");
    },
  },
  {
    name: "accused-orphan",
    story:
      "The node of an instance by REST is lost with it: two callers say so before the orphan time, " +
      "and it is suspect. Who renews it elsewhere has it back.",
    play: (stage) => {
      const { callers, viewer } = beginWithCallers(stage, "us-3");
      stage.run(2_000);
      stage.neverLoses(viewer, "orders/lease");
      stage.world.crash("us-1");
      const isOrphaned = () => livenessIn(viewer, "orders/lease") === "orphaned";
      stage.await(isOrphaned, 15_000, "R15", "the instance of a lost node is orphaned");
      stage.run(3_000);
      for (const caller of callers) accuse(caller, "lease");
      const isSuspect = () => livenessIn(viewer, "orders/lease") === "suspect";
      stage.await(isSuspect, 3_000, "L9", "an orphan that two callers accuse is suspect");
      stage.request("us-2", { kind: "renew", ...LEASE });
      stage.await(() => isAlive(viewer, "lease"), 1_500, "L9", "a renewal lifts it");
    },
  },
];

/** A lease at `us-1`, callers at other nodes, and somebody who looks on. */
function beginWithCallers(
  stage: Stage,
  secondNode: string,
): {
  readonly callers: readonly [SimClient, SimClient];
  readonly viewer: SimClient;
} {
  stage.addNodes({ us: 3, eu: 1 });
  stage.settle();
  const isUp = { scope: Scope.global, state: InstanceState.up, body: bodyWith("us", "") };
  stage.request("us-1", { kind: "register", ...LEASE, ...isUp, ttlMs: TTL_MS });
  const callers = [
    stage.addClient("caller-1", "us", ["us-2"]),
    stage.addClient("caller-2", secondNode.slice(0, 2), [secondNode]),
  ] as const;
  const viewer = stage.addClient("viewer", "us", ["us-3"]);
  for (const client of [...callers, viewer]) client.watch("orders");
  return { callers, viewer };
}

function accuse(caller: SimClient, id: string, isRetraction = false): void {
  const seen = caller.instances("orders").find((instance) => instance.id === id);
  if (seen === undefined) return;
  const { incarnation } = seen.stamp;
  caller.feed({ type: "accuse", service: "orders", id, incarnation, isRetraction });
}

function isAlive(viewer: SimClient, id: string): boolean {
  return livenessIn(viewer, `orders/${id}`) === "alive";
}
