/** The bound of calls at an instance, and what waits for room, over real sockets. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { connect, constants, createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import type { ProxyOptions } from "./options.js";
import {
  deferred,
  type ProxyFixture,
  rawConnect,
  readAll,
  startFixture,
  startInstance,
} from "./proxy-fixture.test.util.js";

interface Held extends ProxyFixture {
  /** Requests that the instances were sent, in order of their coming. */
  readonly paths: string[];
  /** The next request that an instance was sent, held until it is answered. */
  nextHeld(): Promise<ServerResponse>;
}

/** A proxy before one instance that may have one call, and answers when the test does. */
async function startHeld(t: TestContext, options: Partial<ProxyOptions> = {}): Promise<Held> {
  const fixture = await startFixture(t, options);
  fixture.directory.instanceCallCountMax = 1;
  const paths: string[] = [];
  const held: ServerResponse[] = [];
  const waiting: ((response: ServerResponse) => void)[] = [];
  const { port } = await startInstance(t, (request, response) => {
    paths.push(request.url ?? "");
    const waiter = waiting.shift();
    if (waiter === undefined) held.push(response);
    else waiter(response);
  });
  fixture.directory.set("echo", { id: "a", port });
  const nextHeld = (): Promise<ServerResponse> => {
    const response = held.shift();
    return response === undefined
      ? new Promise((resolve) => waiting.push(resolve))
      : Promise.resolve(response);
  };
  return { ...fixture, paths, nextHeld };
}

/** Resolves once so many requests wait. */
async function pending({ proxy }: ProxyFixture, count: number): Promise<void> {
  for (;;) {
    const text = await proxy.metrics.registry.metrics();
    if (text.includes(`proxy_requests_pending{service="echo"} ${count}\n`)) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function metricsOf({ proxy }: ProxyFixture): Promise<string> {
  return await proxy.metrics.registry.metrics();
}

describe("a bound of calls per instance", { timeout: 30_000 }, () => {
  it("makes further requests wait, and serves them in turn", async (t) => {
    const fixture = await startHeld(t);
    const { proxy, paths, nextHeld } = fixture;
    const post = async (path: string): Promise<string> =>
      await (await fetch(`${proxy.url}${path}`, { method: "POST", body: path })).text();
    const answers = [post("/1")];
    const first = await nextHeld();
    answers.push(post("/2"));
    await pending(fixture, 1);
    answers.push(post("/3"));
    await pending(fixture, 2);
    assert.deepEqual(paths, ["/1"], "one at a time");
    assert.match(await metricsOf(fixture), /proxy_calls_active\{service="echo"\} 1\n/);
    first.end("one");
    (await nextHeld()).end("two");
    (await nextHeld()).end("three");
    assert.deepEqual(await Promise.all(answers), ["one", "two", "three"]);
    assert.deepEqual(paths, ["/1", "/2", "/3"]);
    assert.equal(fixture.directory.heldCount, 0);
  });

  it("refuses at once when as many wait as may, until half of them are gone", async (t) => {
    const fixture = await startHeld(t, { pending: { countMax: 2 } });
    const { proxy, nextHeld, nextEntry } = fixture;
    const served = [fetch(proxy.url)];
    const first = await nextHeld();
    served.push(fetch(proxy.url));
    await pending(fixture, 1);
    served.push(fetch(proxy.url));
    await pending(fixture, 2);
    const refused = await fetch(proxy.url);
    assert.equal(refused.status, 503);
    const problem = (await refused.json()) as Record<string, unknown>;
    assert.equal(problem["code"], "resource_exhausted");
    assert.equal(problem["reason"], "pending-full");
    assert.match(String(problem["detail"]), /2 requests wait for one, at most 2/);
    assert.equal((await nextEntry()).outcome, "refused");
    first.end();
    for (let left = 2; left > 0; left -= 1) (await nextHeld()).end();
    for (const answer of served) assert.equal((await answer).status, 200);
    const text = await metricsOf(fixture);
    assert.match(text, /proxy_breaker_tripped_total\{service="echo"\} 1\n/);
    assert.match(text, /proxy_breaker_reset_total\{service="echo"\} 1\n/);
    assert.match(text, /proxy_pending_refused_total\{service="echo",reason="pending-full"\} 1\n/);
  });

  it("refuses who has waited for as long as it may", async (t) => {
    const fixture = await startHeld(t, { pending: { timeoutMs: 60 } });
    const { proxy, paths, nextHeld } = fixture;
    const served = fetch(proxy.url);
    const first = await nextHeld();
    const late = await fetch(`${proxy.url}/late`);
    assert.equal(late.status, 503);
    assert.equal(((await late.json()) as { reason?: string }).reason, "pending-timeout");
    first.end();
    assert.equal((await served).status, 200);
    assert.deepEqual(paths, ["/"], "the late one was never sent");
  });

  it("forgets a caller that leaves while it waits", async (t) => {
    const fixture = await startHeld(t, { pending: { timeoutMs: 60_000 } });
    const { proxy, paths, nextHeld, nextEntry } = fixture;
    const served = fetch(proxy.url);
    const first = await nextHeld();
    const leaver = rawConnect(proxy.port);
    leaver.write("GET /gone HTTP/1.1\r\nhost: x\r\n\r\n");
    await pending(fixture, 1);
    leaver.destroy();
    assert.equal((await nextEntry()).outcome, "aborted");
    await pending(fixture, 0);
    first.end();
    assert.equal((await served).status, 200);
    assert.deepEqual(paths, ["/"]);
    assert.equal(fixture.directory.heldCount, 0);
  });

  it("notices an instance that comes while requests wait", async (t) => {
    const fixture = await startHeld(t);
    const { proxy, directory, nextHeld } = fixture;
    const served = fetch(proxy.url);
    const first = await nextHeld();
    const other = fetch(`${proxy.url}/other`);
    await pending(fixture, 1);
    const { port } = await startInstance(t, (_request, response) => response.end("other"));
    const [known] = directory.instances.get("echo") ?? [];
    directory.set("echo", { id: "b", port });
    const [added] = directory.instances.get("echo") ?? [];
    assert.ok(known !== undefined && added !== undefined);
    directory.instances.set("echo", [known, added]);
    assert.equal(await (await other).text(), "other");
    first.end();
    assert.equal((await served).status, 200);
  });

  it("takes room that another route's call leaves, and lets nobody overtake", async (t) => {
    const fixture = await startHeld(t, {
      routes: [
        { service: "echo", pathPrefix: "/a" },
        { service: "echo", pathPrefix: "/b", policy: "least-request" },
      ],
    });
    const { proxy, paths, nextHeld } = fixture;
    const served = fetch(`${proxy.url}/a`);
    const first = await nextHeld();
    const other = fetch(`${proxy.url}/b`);
    await pending(fixture, 1);
    first.end();
    (await nextHeld()).end();
    assert.deepEqual([(await served).status, (await other).status], [200, 200]);
    assert.deepEqual(paths, ["/a", "/b"]);
  });

  it("is what the route says, where it does", async (t) => {
    const fixture = await startHeld(t, {
      routes: [
        {
          service: "echo",
          balancing: { instanceCallCountMax: 2, pendingCallCountMax: 0, pendingTimeoutMs: 60_000 },
        },
        { service: "echo", pathPrefix: "/other", balancing: { pendingTimeoutMs: 60 } },
      ],
    });
    const { proxy, nextHeld } = fixture;
    const served = [fetch(proxy.url), fetch(proxy.url)];
    const held = [await nextHeld(), await nextHeld()];
    const reasons = [];
    for (const path of ["/", "/other"]) {
      const answer = await fetch(`${proxy.url}${path}`);
      reasons.push(((await answer.json()) as { reason?: string }).reason);
    }
    assert.deepEqual(reasons, ["pending-full", "pending-timeout"]);
    for (const response of held) response.end();
    for (const answer of served) assert.equal((await answer).status, 200);
  });

  it("closes the connection of a caller whose request it refuses with its body unread", async (t) => {
    const fixture = await startHeld(t, { pending: { countMax: 0 } });
    const { proxy, nextHeld } = fixture;
    const served = fetch(proxy.url);
    const first = await nextHeld();
    const caller = rawConnect(proxy.port);
    caller.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n");
    const answer = await readAll(caller);
    assert.match(answer, /^HTTP\/1\.1 503 /);
    assert.match(answer, /"reason":"pending-full"/);
    first.end();
    await served;
  });
});

describe("a bound of calls per instance, for streams of HTTP/2", { timeout: 30_000 }, () => {
  it("makes gRPC calls wait, tells those that may not, and drops who cancels", async (t) => {
    const fixture = await startFixture(t, { pending: { countMax: 1, timeoutMs: 60_000 } });
    const { proxy, directory } = fixture;
    directory.instanceCallCountMax = 1;
    const arrived = deferred<void>();
    const release = deferred<void>();
    const paths: string[] = [];
    const instance = createServer();
    instance.on("stream", (stream, headers) => {
      paths.push(String(headers[":path"]));
      arrived.resolve();
      void release.promise.then(() => {
        stream.respond({ ":status": 200, "content-type": "application/grpc", "grpc-status": "0" });
        stream.end();
      });
    });
    await new Promise<void>((resolve) => instance.listen(0, "127.0.0.1", resolve));
    t.after(() => instance.close());
    const { port } = instance.address() as AddressInfo;
    directory.set("echo", { id: "a", port, protocol: "grpc" });
    const session = connect(proxy.url);
    t.after(() => session.destroy());
    const call = (path: string) => {
      const stream = session.request({
        ...{ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" },
      });
      stream.end("x");
      const status = new Promise<unknown>((resolve) => {
        stream.on("response", (headers) => resolve(headers["grpc-status"]));
        stream.on("close", () => resolve("closed"));
      });
      stream.on("error", () => {}).resume();
      return { stream, status };
    };
    const first = call("/s/1");
    await arrived.promise;
    const leaver = call("/s/2");
    await pending(fixture, 1);
    assert.equal(await call("/s/3").status, "8", "RESOURCE_EXHAUSTED");
    leaver.stream.close(constants.NGHTTP2_CANCEL);
    await pending(fixture, 0);
    const second = call("/s/4");
    await pending(fixture, 1);
    release.resolve();
    assert.deepEqual([await first.status, await second.status], ["0", "0"]);
    assert.deepEqual(paths, ["/s/1", "/s/4"]);
  });
});
