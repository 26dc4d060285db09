import assert from "node:assert/strict";
import test from "node:test";
import {
  type CommandResult,
  type Effect,
  type NodeEvent,
  RemovalReason,
  type SessionMessage,
} from "@fpzk/core";
import { type Edge, startEdge } from "./edge.test.support.js";
import type { Principal } from "./registry-port.js";

const ADDRESS = { namespace: "shop", service: "cart", id: "cart-1" };
const DONE: CommandResult = {
  refusal: undefined,
  stamp: { incarnation: 1, session: 1, claim: 0 },
  confirmedCount: 2,
  unconfirmed: ["b/client"],
};
const DESCRIPTION = {
  group: "",
  version: "",
  region: "eu",
  zone: "a",
  endpoints: [],
  weight: 100,
  metadata: {},
  startWallTime: 0,
};

/** A principal with these rights in one namespace. */
function holder(namespace: string, ...rights: ("read" | "register" | "operate")[]): Principal {
  const grants = {
    mayRead: rights.includes("read"),
    mayRegister: rights.includes("register"),
    mayOperate: rights.includes("operate"),
  };
  const none = { mayRead: false, mayRegister: false, mayOperate: false };
  return { name: rights.join("+"), grantsOf: (asked) => (asked === namespace ? grants : none) };
}

function answering(result: CommandResult): (event: NodeEvent) => Effect[] {
  return (event) =>
    event.type === "command"
      ? [{ type: "command-result", commandId: event.commandId, result }]
      : [];
}

const audits = (edge: Edge) => edge.logs.filter((line) => line.event.startsWith("audit."));

test("every action asks for its right, in its namespace", async () => {
  await using edge = await startEdge({}, answering(DONE));
  const { port } = edge.server;
  const registration = {
    ...ADDRESS,
    description: DESCRIPTION,
    scope: 0,
    state: 0,
    ttlMs: 1_000,
  } as const;
  const from = { position: [], digest: { high: 0, low: 0 } };
  const actions: Record<string, ["read" | "register" | "operate", (who: Principal) => unknown]> = {
    register: ["register", (who) => port.register(who, registration)],
    renew: ["register", (who) => port.renew(who, ADDRESS)],
    deregister: ["register", (who) => port.deregister(who, ADDRESS, RemovalReason.deregistered)],
    evict: ["operate", (who) => port.deregister(who, ADDRESS, RemovalReason.operator)],
    setState: ["register", (who) => port.setState(who, ADDRESS, 1, 0)],
    override: ["operate", (who) => port.override(who, ADDRESS, 1, {}, 0)],
    query: ["read", (who) => port.query(who, "shop", "cart")],
    services: ["read", (who) => port.services(who, "shop")],
    watch: ["read", (who) => port.watch(who, "shop", "cart", from, () => {})],
  };
  for (const [name, [right, run]] of Object.entries(actions)) {
    await run(holder("shop", right));
    const others = (["read", "register", "operate"] as const).filter((other) => other !== right);
    for (const who of [holder("shop", ...others), holder("other", right)]) {
      await assert.rejects(async () => run(who), { code: "permission_denied" }, name);
    }
  }
});

test("a refusal of core is the error that the caller gets", async () => {
  const refusal = { code: "not_found" as const, message: "no lease cart-1" };
  await using edge = await startEdge({}, answering({ ...DONE, refusal }));
  await assert.rejects(edge.server.port.renew(holder("shop", "register"), ADDRESS), {
    code: "not_found",
    message: "[not_found] no lease cart-1",
  });
});

test("an operator's actions are audited, done or refused, and others are not", async () => {
  await using edge = await startEdge({}, answering(DONE));
  const { port } = edge.server;
  const operator = holder("shop", "operate", "register");
  const outcome = await port.override(operator, ADDRESS, 2, { weight: 5, note: "deploy" }, 1_000);
  assert.deepEqual(outcome, { confirmedCount: 2, unconfirmed: ["b/client"] });
  await port.override(operator, ADDRESS, undefined, {}, 0);
  await port.deregister(operator, ADDRESS, RemovalReason.operator);
  await port.deregister(operator, ADDRESS, RemovalReason.deregistered);
  await port.renew(operator, ADDRESS);
  assert.deepEqual(
    audits(edge).map(({ event, fields }) => [event, fields["principal"], fields["state"]]),
    [
      ["audit.override", "operate+register", "draining"],
      ["audit.override", "operate+register", "lifted"],
      ["audit.deregister", "operate+register", undefined],
    ],
  );
  assert.equal(audits(edge)[0]?.fields["note"], "deploy");
  const reader = holder("shop", "read");
  await assert.rejects(port.override(reader, ADDRESS, 1, {}, 0), { code: "permission_denied" });
  assert.equal(audits(edge).at(-1)?.fields["outcome"], "permission_denied");
});

test("who forgets a node may operate in all namespaces, and is audited", async () => {
  await using edge = await startEdge({}, answering(DONE));
  const { port } = edge.server;
  await assert.rejects(port.forgetNode(holder("shop", "operate"), "n9"), {
    code: "permission_denied",
  });
  await port.forgetNode(holder("*", "operate"), "n9");
  const commands = edge.node.seen("command").map(({ command }) => command);
  assert.deepEqual(commands, [{ kind: "forget-node", nodeId: "n9" }]);
  assert.deepEqual(
    audits(edge).map(({ event, fields }) => [event, fields["nodeId"], fields["outcome"]]),
    [
      ["audit.forget-node", "n9", "permission_denied"],
      ["audit.forget-node", "n9", "done"],
    ],
  );
});

test("names and times are checked before core sees them", async () => {
  await using edge = await startEdge({}, answering(DONE));
  const who = holder("shop", "register");
  const { port } = edge.server;
  for (const change of [
    { service: "a/b" },
    { id: "" },
    { id: "a\u0000" },
    { service: "x".repeat(201) },
  ]) {
    await assert.rejects(port.renew(who, { ...ADDRESS, ...change }), { code: "invalid_argument" });
  }
  for (const timeoutMs of [-1, Number.NaN, 1e9]) {
    await assert.rejects(port.setState(who, ADDRESS, 2, timeoutMs), { code: "invalid_argument" });
  }
  assert.equal(edge.node.seen("command").length, 0);
});

test("commands that wait when the node leaves are told so", async () => {
  const edge = await startEdge({}, () => []);
  const renewed = edge.server.port.renew(holder("shop", "register"), ADDRESS);
  const refused = assert.rejects(renewed, { code: "unavailable" });
  await edge.node.expect("command");
  await edge.close();
  await refused;
});

test("a watch is a stream session: its messages come in order until it is closed", async () => {
  const script = (event: NodeEvent): Effect[] => {
    if (event.type !== "session-message" || event.message.type !== "watch") return [];
    const sessions = [event.session];
    return [1, 2].map((requestId) => ({
      type: "send-sessions",
      sessions,
      message: { type: "done", requestId },
    }));
  };
  await using edge = await startEdge({}, script);
  const seen: string[] = [];
  const from = { position: [], digest: { high: 0, low: 0 } };
  const watch = edge.server.port.watch(holder("shop", "read"), "shop", "cart", from, (message) =>
    seen.push(`${message.type} ${"requestId" in message ? message.requestId : ""}`),
  );
  assert.deepEqual(seen, ["done 1", "done 2"]);
  watch.pause();
  watch.resume();
  watch.close();
  watch.close();
  const types = edge.node.events
    .map((event) => event.type)
    .filter((type) => type.startsWith("session-"));
  assert.deepEqual(types, [
    "session-open",
    "session-message",
    "session-congested",
    "session-writable",
    "session-close",
  ]);
});

test("a watch ends when the token that opened it expires", async () => {
  await using edge = await startEdge({}, () => [], { congestedMaxMs: 10 });
  const who = { ...holder("shop", "read"), expiresWallMs: Date.now() + 50 };
  const from = { position: [], digest: { high: 0, low: 0 } };
  const refused = new Promise<SessionMessage>((resolve) => {
    edge.server.port.watch(who, "shop", "cart", from, resolve);
  });
  const message = await refused;
  assert.equal(message.type === "refused" && message.code, "unauthenticated");
  await edge.node.expect("session-close");
});
