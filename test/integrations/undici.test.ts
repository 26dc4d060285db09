/** An undici dispatcher that picks by service name, against real instances. */
import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { it, type TestContext } from "node:test";
import { isRegistryError } from "@fpzk/client";
import { createDispatcher } from "@fpzk/client/undici";
import { type Dispatcher, fetch, request } from "undici";
import { type HttpInstance, kill, loadOf, Registry, seen, untilUnused } from "./registry.js";

const echo = (id: string) => (request: IncomingMessage, response: ServerResponse) => {
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.on("end", () => {
    response.setHeader("x-instance", id);
    response.statusCode = id === "busy" ? 503 : 200;
    response.end(`${request.method} ${request.url} ${Buffer.concat(parts)}`);
  });
};

async function setUp(t: TestContext, ids: readonly string[], options = {}) {
  const registry = await Registry.start(t);
  const instances = await Promise.all(
    ids.map((id) => registry.http(t, { service: "echo", id, listener: echo(id) })),
  );
  const client = await registry.connect({ services: { echo: options } });
  const dispatcher = createDispatcher(client);
  t.after(() => dispatcher.close());
  await seen(client, "echo", ids.length);
  const { subscription } = client.caller("echo");
  return { instances, client, dispatcher, subscription };
}

async function ask(dispatcher: Dispatcher, body?: string): Promise<string> {
  const method = body === undefined ? "GET" : "POST";
  const answer = await dispatcher.request({
    ...{ origin: "fpzk://echo", path: "/a?b", method },
    ...(body === undefined ? {} : { body }),
  });
  return `${answer.headers["x-instance"]} ${await answer.body.text()}`;
}

it("P7 no call through undici fails while instances drain and end, without retries", async (t) => {
  const { instances, dispatcher, subscription } = await setUp(t, ["u0", "u1", "u2"], {
    retryCount: 0,
  });
  let isOver = false;
  let callCount = 0;
  const callers = Array.from({ length: 8 }, async () => {
    try {
      while (!isOver) {
        assert.match(await ask(dispatcher), /^u\d GET \/a\?b $/);
        callCount += 1;
      }
    } finally {
      isOver = true;
    }
  });
  const leave = async (instance: HttpInstance): Promise<void> => {
    const before = callCount;
    while (!isOver && callCount < before + 50) await ask(dispatcher);
    const load = loadOf(subscription, instance.id);
    assert.deepEqual((await instance.handle.drain()).unconfirmed, []);
    await untilUnused(load);
    kill(instance);
  };
  const rolling = (async () => {
    for (const instance of instances.slice(0, 2)) await leave(instance);
    isOver = true;
  })();
  await Promise.all([...callers, rolling]);
  assert.ok(callCount >= 100);
});

it("tries again elsewhere, a killed instance and one that says 503", async (t) => {
  const options = { retryOn: ["connect-failure", "reset", "503"], retryCount: 2 };
  const { instances, dispatcher, subscription } = await setUp(t, ["busy", "u1", "u2"], options);
  const killed = instances[2];
  assert.ok(killed !== undefined);
  kill(killed);
  for (let call = 0; call < 6; call += 1) assert.equal(await ask(dispatcher), "u1 GET /a?b ");
  for (let call = 0; call < 6; call += 1) {
    // A POST may be sent again only where it reached nobody.
    assert.match(await ask(dispatcher, "x"), /^(u1|busy) POST \/a\?b x$/);
  }
  assert.ok(subscription.instances.every(({ load }) => load.activeCount === 0));
});

it("takes service.fpzk where undici wants an HTTP address, and leaves other hosts alone", async (t) => {
  const { instances, dispatcher } = await setUp(t, ["u0"]);
  const fetched = await fetch("http://echo.fpzk/a", { dispatcher });
  assert.equal(await fetched.text(), "GET /a ");
  const requested = await request("http://echo.fpzk/b", { dispatcher });
  assert.equal(await requested.body.text(), "GET /b ");
  const direct = await request(`http://127.0.0.1:${instances[0]?.port}/c`, { dispatcher });
  assert.equal(await direct.body.text(), "GET /c ");
});

it("names what is wrong: nobody there, too late", async (t) => {
  const registry = await Registry.start(t);
  await registry.http(t, { service: "slow", id: "s1", listener: () => {} });
  const client = await registry.connect({ services: { slow: { timeoutMs: 50 } } });
  const dispatcher = createDispatcher(client);
  t.after(() => dispatcher.close());
  const codeOf = async (origin: string): Promise<string> => {
    const asked = dispatcher.request({ origin, path: "/", method: "GET" });
    const error: unknown = await asked.then(
      () => undefined,
      (fault: unknown) => fault,
    );
    return isRegistryError(error) ? error.code : String(error);
  };
  assert.equal(await codeOf("fpzk://nobody"), "unavailable");
  await seen(client, "slow", 1);
  assert.equal(await codeOf("fpzk://slow"), "deadline_exceeded");
});

it("tells instances what is left, keeps to an inherited deadline and blames nobody for it", async (t) => {
  const registry = await Registry.start(t);
  let requestCount = 0;
  const told: string[] = [];
  const listener = (asked: IncomingMessage, response: ServerResponse): void => {
    requestCount += 1;
    told.push(String(asked.headers["x-fpzk-timeout-ms"]), String(asked.headers["x-other"]));
    if (asked.url !== "/never") response.end();
  };
  await registry.http(t, { service: "told", id: "t1", listener });
  const client = await registry.connect({ services: { told: { timeoutMs: 20_000 } } });
  const dispatcher = createDispatcher(client);
  t.after(() => dispatcher.close());
  await seen(client, "told", 1);
  const ask = async (headers: Record<string, string> | string[], path = "/"): Promise<string[]> => {
    const asked = { origin: "fpzk://told", path, method: "GET", headers } as const;
    const answer = await dispatcher.request(asked);
    await answer.body.dump();
    return told.splice(0);
  };
  const check = ([ms, other]: string[], max: number): void => {
    assert.ok(Number(ms) >= 1 && Number(ms) <= max, ms);
    assert.equal(other, "kept");
  };
  check(await ask({ "x-other": "kept" }), 20_000);
  check(await ask({ "x-other": "kept", "X-Fpzk-Timeout-Ms": "9000" }), 9_000);
  check(await ask(["x-fpzk-timeout-ms", "9000", "x-other", "kept"]), 9_000);
  const answer = await fetch("http://told.fpzk/", { dispatcher, headers: { "x-other": "kept" } });
  await answer.text();
  check(told.splice(0), 20_000);
  const isLate = (error: unknown): boolean =>
    isRegistryError(error) && error.code === "deadline_exceeded";
  const countBefore = requestCount;
  await assert.rejects(ask({ "x-fpzk-timeout-ms": "0" }), isLate);
  assert.equal(requestCount, countBefore);
  await assert.rejects(ask({ "x-fpzk-timeout-ms": "50" }, "/never"), isLate);
  assert.equal(requestCount, countBefore + 1);
  assert.equal(client.caller("told").subscription.standings()[0]?.failedCount, 0);
});
