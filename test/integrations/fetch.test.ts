/** `client.fetch` against real instances: picks, retries, deadlines, drains. */
import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { it } from "node:test";
import { deadlineOf, isRegistryError } from "@fpzk/client";
import { kill, loadOf, Registry, seen, untilUnused } from "./registry.js";

const echo = (id: string) => (request: IncomingMessage, response: ServerResponse) => {
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.on("end", () => {
    response.setHeader("x-instance", id);
    response.end(`${request.method} ${request.url} ${Buffer.concat(parts)}`);
  });
};

/** Instances of a service that echo. */
async function echoes(t: Parameters<typeof Registry.start>[0], registry: Registry, count: number) {
  const ids = Array.from({ length: count }, (_, index) => `e${index}`);
  return await Promise.all(
    ids.map((id) => registry.http(t, { service: "echo", id, listener: echo(id) })),
  );
}

function rejectsWith(code: string) {
  return (error: unknown): true => {
    assert.ok(isRegistryError(error), String(error));
    assert.equal(error.code, code, error.message);
    return true;
  };
}

it("fetches by service name from all instances, path, query, method and body unchanged", async (t) => {
  const registry = await Registry.start(t);
  await echoes(t, registry, 3);
  const client = await registry.connect();
  await seen(client, "echo", 3);
  const ids = new Set<string | null>();
  for (let call = 0; call < 6; call += 1) {
    const response = await client.fetch(`fpzk://echo/a%20b?c=${call}`, {
      method: "POST",
      body: "text",
    });
    ids.add(response.headers.get("x-instance"));
    assert.equal(await response.text(), `POST /a%20b?c=${call} text`);
    assert.match(response.url, /^http:\/\/127\.0\.0\.1:\d+\/a%20b/);
  }
  assert.equal(ids.size, 3);
  const { instances } = client.caller("echo").subscription;
  assert.deepEqual(
    instances.map(({ load }) => load.activeCount),
    [0, 0, 0],
  );
});

it("P7 no call fails while instances drain and end under load, without retries", async (t) => {
  const registry = await Registry.start(t);
  const instances = await echoes(t, registry, 4);
  const client = await registry.connect({ services: { echo: { retryCount: 0 } } });
  await seen(client, "echo", 4);
  let isOver = false;
  let callCount = 0;
  const callers = Array.from({ length: 8 }, async () => {
    try {
      while (!isOver) {
        const response = await client.fetch("fpzk://echo/");
        assert.equal(await response.text(), "GET / ");
        callCount += 1;
      }
    } finally {
      isOver = true;
    }
  });
  const rolling = (async () => {
    for (const instance of instances.slice(0, 3)) {
      const before = callCount;
      while (!isOver && callCount < before + 50) {
        await (await client.fetch("fpzk://echo/")).text();
      }
      const load = loadOf(client.caller("echo").subscription, instance.id);
      assert.deepEqual((await instance.handle.drain()).unconfirmed, []);
      await untilUnused(load);
      // What comes now is refused.
      kill(instance);
    }
    isOver = true;
  })();
  await Promise.all([...callers, rolling]);
  assert.ok(callCount >= 150);
});

it("tries again elsewhere what reached nobody, whatever the method, but not a stream", async (t) => {
  const registry = await Registry.start(t);
  const [first] = await echoes(t, registry, 2);
  assert.ok(first !== undefined);
  const client = await registry.connect({
    services: { echo: { outlier: { maxEjectionPercent: 0 } } },
  });
  await seen(client, "echo", 2);
  kill(first);
  for (let call = 0; call < 6; call += 1) {
    const response = await client.fetch("fpzk://echo/", { method: "POST", body: "x" });
    assert.equal(await response.text(), "POST / x");
  }
  const streamed = async () => {
    for (let call = 0; call < 2; call += 1) {
      const body = new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode("x"));
          controller.close();
        },
      });
      const init = { method: "POST", body, duplex: "half" as const };
      await (await client.fetch("fpzk://echo/", init)).text();
    }
  };
  await assert.rejects(streamed(), rejectsWith("unavailable"));
});

it("repeats what broke off only where it may be done twice", async (t) => {
  const registry = await Registry.start(t);
  let count = 0;
  const listener = (request: IncomingMessage): void => {
    count += 1;
    request.socket.destroy();
  };
  await registry.http(t, { service: "broken", id: "b1", listener });
  await registry.http(t, { service: "broken", id: "b2", listener });
  const client = await registry.connect();
  await seen(client, "broken", 2);
  const post = client.fetch("fpzk://broken/", { method: "POST", body: "x" });
  await assert.rejects(post, rejectsWith("unavailable"));
  assert.equal(count, 1);
  await assert.rejects(client.fetch("fpzk://broken/"), rejectsWith("unavailable"));
  assert.equal(count, 3);
});

it("answers 503 of one instance by another when asked to, and keeps the last answer", async (t) => {
  const registry = await Registry.start(t);
  const listener = (_: IncomingMessage, response: ServerResponse): void => {
    response.statusCode = 503;
    response.end("busy");
  };
  await registry.http(t, { service: "echo", id: "busy", listener });
  const client = await registry.connect({ services: { echo: { retryOn: ["503"] } } });
  await seen(client, "echo", 1);
  const alone = await client.fetch("fpzk://echo/");
  assert.deepEqual([alone.status, await alone.text()], [503, "busy"]);
  await registry.http(t, { service: "echo", id: "e0", listener: echo("e0") });
  await seen(client, "echo", 2);
  for (let call = 0; call < 4; call += 1) {
    const response = await client.fetch("fpzk://echo/");
    assert.deepEqual([response.status, await response.text()], [200, "GET / "]);
  }
});

it("keeps the deadline with the body, and heeds the caller's signal", async (t) => {
  const registry = await Registry.start(t);
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.url === "/body") response.write("begun");
  };
  await registry.http(t, { service: "slow", id: "s1", listener });
  const client = await registry.connect();
  await seen(client, "slow", 1);
  const late = client.fetch("fpzk://slow/", { timeoutMs: 50 });
  await assert.rejects(late, rejectsWith("deadline_exceeded"));
  const begun = await client.fetch("fpzk://slow/body", { timeoutMs: 200 });
  await assert.rejects(begun.text(), rejectsWith("deadline_exceeded"));
  const aborter = new AbortController();
  const aborted = client.fetch("fpzk://slow/", { signal: aborter.signal });
  aborter.abort(new Error("enough"));
  await assert.rejects(aborted, rejectsWith("cancelled"));
  const [instance] = client.caller("slow").subscription.instances;
  assert.equal(instance?.load.activeCount, 0);
});

it("names what is wrong with a call, and that nobody is there", async (t) => {
  const registry = await Registry.start(t);
  const client = await registry.connect();
  await assert.rejects(client.fetch("fpzk://nobody/"), rejectsWith("unavailable"));
  await assert.rejects(client.fetch("http://nobody/"), rejectsWith("invalid_argument"));
  await assert.rejects(client.fetch("fpzk://a:80/"), rejectsWith("invalid_argument"));
  const wrong = client.fetch("fpzk://nobody/", { retryCount: 9, timeoutMs: 0 });
  await assert.rejects(wrong, /timeoutMs 0 .*retryCount 9/);
});

it("sends equal keys to the same instance", async (t) => {
  const registry = await Registry.start(t);
  await echoes(t, registry, 3);
  const client = await registry.connect({ services: { echo: { policy: "rendezvous" } } });
  await seen(client, "echo", 3);
  const instanceOf = async (key: string) => {
    const response = await client.fetch("fpzk://echo/", { key });
    await response.text();
    return response.headers.get("x-instance");
  };
  const keys = Array.from({ length: 12 }, (_, index) => `key-${index}`);
  const once = await Promise.all(keys.map(instanceOf));
  assert.deepEqual(await Promise.all(keys.map(instanceOf)), once);
  assert.ok(new Set(once).size > 1);
});

it("tells the instance what is left of the call's time, never more than was inherited", async (t) => {
  const registry = await Registry.start(t);
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    response.end(String(request.headers["x-fpzk-timeout-ms"]));
  };
  await registry.http(t, { service: "told", id: "t1", listener });
  const client = await registry.connect();
  await seen(client, "told", 1);
  const told = async (init: Parameters<typeof client.fetch>[1]): Promise<number> =>
    Number(await (await client.fetch("fpzk://told/", init)).text());
  const isWithin = (ms: number, max: number): void => assert.ok(ms >= 1 && ms <= max, `${ms}`);
  isWithin(await told({}), 30_000);
  isWithin(await told({ timeoutMs: 20_000 }), 20_000);
  const inherited = { "x-fpzk-timeout-ms": "9000" };
  isWithin(await told({ timeoutMs: 20_000, headers: inherited }), 9_000);
  isWithin(await told({ timeoutMs: 20_000, deadline: deadlineOf(inherited) }), 9_000);
  assert.ok(Number.isNaN(await told({ timeoutMs: Number.POSITIVE_INFINITY })));
});

it("takes less time with it at each step of a chain of calls, and for each attempt", async (t) => {
  const registry = await Registry.start(t);
  const client = await registry.connect();
  const told: number[] = [];
  const hear = (request: IncomingMessage): void => {
    told.push(Number(request.headers["x-fpzk-timeout-ms"]));
  };
  await registry.http(t, {
    ...{ service: "back", id: "b1" },
    listener: (request, response) => {
      hear(request);
      response.end();
    },
  });
  // Its first answer is broken off, so that there is a second attempt; all take 20 ms.
  const front = (request: IncomingMessage, response: ServerResponse): void => {
    hear(request);
    const deadline = deadlineOf(request.headers);
    setTimeout(() => {
      if (told.length === 1) request.socket.destroy();
      else {
        const call = client.fetch("fpzk://back/", { deadline }).then((answer) => answer.text());
        call.then(
          () => response.end(),
          () => request.socket.destroy(),
        );
      }
    }, 20);
  };
  await registry.http(t, { service: "front", id: "f1", listener: front });
  await registry.http(t, { service: "front", id: "f2", listener: front });
  await Promise.all([seen(client, "front", 2), seen(client, "back", 1)]);
  const response = await client.fetch("fpzk://front/", { timeoutMs: 20_000 });
  assert.equal(response.status, 200);
  await response.text();
  const [first = 0, second = 0, third = 0] = told;
  assert.equal(told.length, 3);
  assert.ok(
    first <= 20_000 && second <= first - 18 && third <= second - 18 && third >= 1,
    `${told}`,
  );
});

it("refuses a call whose deadline has passed at once, and blames no instance", async (t) => {
  const registry = await Registry.start(t);
  let requestCount = 0;
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    requestCount += 1;
    if (request.url === "/now") response.end();
  };
  await registry.http(t, { service: "late", id: "l1", listener });
  const client = await registry.connect();
  await seen(client, "late", 1);
  const isLate = rejectsWith("deadline_exceeded");
  const past = performance.now() - 1;
  await assert.rejects(client.fetch("fpzk://late/", { deadline: past }), isLate);
  const headers = { "x-fpzk-timeout-ms": "0" };
  await assert.rejects(client.fetch("fpzk://late/", { headers }), isLate);
  await assert.rejects(client.fetch("fpzk://unknown/", { deadline: past }), isLate);
  assert.equal(requestCount, 0);
  const noInstant = client.fetch("fpzk://late/", { deadline: Number.NaN });
  await assert.rejects(noInstant, rejectsWith("invalid_argument"));
  // Sent, and too late for who asked for it: still no fault of the instance, unlike the call's own.
  const { subscription } = client.caller("late");
  const failedCount = (): number | undefined => subscription.standings()[0]?.failedCount;
  const soon = performance.now() + 50;
  await assert.rejects(client.fetch("fpzk://late/", { deadline: soon }), isLate);
  assert.equal(failedCount(), 0);
  await assert.rejects(client.fetch("fpzk://late/", { timeoutMs: 50 }), isLate);
  assert.equal(failedCount(), 1);
});

it("serves who waits in one subscription by the end of a call of another", async (t) => {
  const registry = await Registry.start(t);
  await echoes(t, registry, 1);
  const client = await registry.connect();
  const one = client.subscribe("echo", { instanceCallCountMax: 1 });
  const other = client.subscribe("echo", { instanceCallCountMax: 1, policy: "least-request" });
  await Promise.all([one.ready(), other.ready()]);
  const held = await one.acquire();
  const waiting = other.acquire({ timeoutMs: 5_000 });
  held.release();
  (await waiting).release();
});
