/** Agents of `node:http` that pick by service name, against real instances. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type Agent, type IncomingMessage, request, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { it, type TestContext } from "node:test";
import { isRegistryError } from "@fpzk/client";
import { createHttpAgent } from "@fpzk/client/http";
import { kill, loadOf, Registry, seen, untilUnused } from "./registry.js";

async function setUp(t: TestContext, ids: readonly string[], service = "who") {
  const registry = await Registry.start(t);
  const connections = new Map<string, Set<object>>();
  const instances = await Promise.all(
    ids.map((id) => {
      const sockets = new Set<object>();
      connections.set(id, sockets);
      const listener = (asked: IncomingMessage, response: ServerResponse): void => {
        sockets.add(asked.socket);
        response.end(id);
      };
      return registry.http(t, { service, id, listener });
    }),
  );
  const client = await registry.connect();
  await seen(client, service, ids.length);
  const { subscription } = client.caller(service);
  return { connections, instances, client, subscription };
}

function agentOf(t: TestContext, ...args: Parameters<typeof createHttpAgent>): Agent {
  const agent = createHttpAgent(...args);
  t.after(() => agent.destroy());
  return agent;
}

async function ask(agent: Agent, url = "http://who.fpzk/"): Promise<string> {
  const asked = request(url, { agent });
  asked.end();
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  return await text(answer);
}

it("P7 no request through the agent fails while instances drain and end", async (t) => {
  const { connections, instances, client, subscription } = await setUp(t, ["h0", "h1", "h2"]);
  const agent = agentOf(t, client);
  let isOver = false;
  let callCount = 0;
  const callers = Array.from({ length: 4 }, async () => {
    try {
      while (!isOver) {
        await ask(agent);
        callCount += 1;
      }
    } finally {
      isOver = true;
    }
  });
  const rolling = (async () => {
    for (const instance of instances.slice(0, 2)) {
      const before = callCount;
      while (!isOver && callCount < before + 50) await ask(agent);
      const load = loadOf(subscription, instance.id);
      assert.deepEqual((await instance.handle.drain()).unconfirmed, []);
      await untilUnused(load);
      kill(instance);
    }
    isOver = true;
  })();
  await Promise.all([...callers, rolling]);
  // Connections are kept, and to each instance its own.
  for (const sockets of connections.values()) assert.ok(sockets.size >= 1 && sockets.size <= 10);
});

it("goes to the service of the host or of the agent, and elsewhere as ever", async (t) => {
  const { instances, client } = await setUp(t, ["h0"]);
  assert.equal(await ask(agentOf(t, client)), "h0");
  assert.equal(await ask(agentOf(t, client, { service: "who" }), "http://any.host/"), "h0");
  assert.equal(await ask(agentOf(t, client), `http://127.0.0.1:${instances[0]?.port}/`), "h0");
});

it("tells the balancer how requests ended, and the caller why one has no instance", async (t) => {
  const { instances, client, subscription } = await setUp(t, ["h0", "h1"]);
  const agent = agentOf(t, client);
  const [first] = instances;
  assert.ok(first !== undefined);
  kill(first);
  let failureCount = 0;
  for (let call = 0; call < 12; call += 1) {
    const answered = await ask(agent).catch((error: { code?: string }) => error.code);
    if (answered !== "h1") failureCount += 1;
  }
  // Ejected after two failed connections.
  assert.equal(failureCount, 2);
  assert.ok(subscription.instances.every(({ load }) => load.activeCount === 0));
  const nobody = ask(agent, "http://nobody.fpzk/");
  await assert.rejects(nobody, (error) => isRegistryError(error) && error.code === "unavailable");
});

it("an answer that nobody waits for is over as with any agent", async (t) => {
  const { client, subscription } = await setUp(t, ["h0"]);
  const asked = request("http://who.fpzk/", { agent: agentOf(t, client) });
  asked.end();
  await once(asked, "close");
  await untilUnused(loadOf(subscription, "h0"));
});

it("refuses a request whose deadline has passed before it is sent", async (t) => {
  const { client } = await setUp(t, ["h0"]);
  const agent = agentOf(t, client);
  const ask = async (timeoutMs: string): Promise<string> => {
    const headers = { "x-fpzk-timeout-ms": timeoutMs };
    const asked = request("http://who.fpzk/", { agent, headers });
    asked.end();
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    return await text(answer);
  };
  const isLate = (error: unknown): boolean =>
    isRegistryError(error) && error.code === "deadline_exceeded";
  assert.equal(await ask("5000"), "h0");
  await assert.rejects(ask("0"), isLate);
});
