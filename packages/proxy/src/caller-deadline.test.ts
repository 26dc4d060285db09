/** The caller's deadline: passed on, kept to, and shared by attempts; over real sockets. */
import assert from "node:assert/strict";
import { connect, createServer, type IncomingHttpHeaders } from "node:http2";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import {
  deferred,
  rawExchange,
  refusingPort,
  startFixture,
  startInstance,
} from "./proxy-fixture.test.util.js";

const LIMIT = { timeout: 30_000 };

describe("a caller's deadline", LIMIT, () => {
  it("is passed on as what is left of it, and to each attempt anew", async (t) => {
    const { proxy, directory } = await startFixture(t, {
      routes: [{ service: "echo", retryOn: ["503"], retryCount: 1 }],
    });
    const seen: number[] = [];
    const { port } = await startInstance(t, (request, response) => {
      seen.push(Number(request.headers["x-fpzk-timeout-ms"]));
      // The second attempt begins at least 30 ms after the first.
      if (seen.length === 1) setTimeout(() => response.writeHead(503).end(), 30);
      else response.end();
    });
    directory.set("echo", { id: "a", port }, { id: "b", port });
    const answer = await fetch(proxy.url, { headers: { "x-fpzk-timeout-ms": "20000" } });
    assert.equal(answer.status, 200);
    const [first = 0, second = 0] = seen;
    assert.ok(first > 0 && first <= 20_000, String(first));
    assert.ok(second > 0 && second <= first - 29, `${first}, then ${second}`);
  });

  it("adds no field where the caller sent none, and passes what is no time", async (t) => {
    const { proxy, directory } = await startFixture(t, {
      routes: [{ service: "echo", timeoutMs: 20_000 }],
    });
    const seen: unknown[] = [];
    const { port } = await startInstance(t, (request, response) => {
      seen.push(request.headers["x-fpzk-timeout-ms"]);
      response.end();
    });
    directory.set("echo", { id: "a", port });
    await fetch(proxy.url);
    await fetch(proxy.url, { headers: { "x-fpzk-timeout-ms": "soon" } });
    assert.deepEqual(seen, [undefined, "soon"]);
  });

  it("ends the request, however long the route would wait, and blames no instance", async (t) => {
    const { proxy, directory, nextEntry } = await startFixture(t, {
      outlier: { errorCountMax: 1 },
    });
    const broken = deferred<void>();
    const { port } = await startInstance(t, (request) => {
      request.socket.once("close", () => broken.resolve());
    });
    // Of two, one may be ejected.
    directory.set("echo", { id: "a", port }, { id: "b", port });
    const answer = await fetch(proxy.url, { headers: { "x-fpzk-timeout-ms": "80" } });
    assert.equal(answer.status, 504);
    const problem = (await answer.json()) as { code?: string; detail?: string };
    assert.equal(problem.code, "deadline_exceeded");
    assert.match(problem.detail ?? "", /the caller's deadline passed/);
    assert.equal((await nextEntry()).attemptCount, 1);
    await broken.promise;
    assert.doesNotMatch(
      await proxy.metrics.registry.metrics(),
      /proxy_ejections_total\{service="echo"\}/,
    );
  });

  it("that has passed keeps a request from being sent", async (t) => {
    const { proxy, directory } = await startFixture(t);
    let callCount = 0;
    const { port } = await startInstance(t, (_request, response) => {
      callCount += 1;
      response.end();
    });
    directory.set("echo", { id: "a", port });
    const answer = await fetch(proxy.url, { headers: { "x-fpzk-timeout-ms": "0" } });
    assert.deepEqual([answer.status, callCount], [504, 0]);
  });

  it("that passes during an attempt keeps it from being tried again", async (t) => {
    const { proxy, directory } = await startFixture(t, {
      routes: [{ service: "echo", retryOn: ["503"], retryCount: 5 }],
    });
    let callCount = 0;
    const { port } = await startInstance(t, (_request, response) => {
      callCount += 1;
      // Just after the deadline: most often before the proxy's next look at it.
      setTimeout(() => response.writeHead(503).end(), 102);
    });
    directory.set("echo", { id: "a", port }, { id: "b", port });
    const answer = await fetch(proxy.url, { headers: { "x-fpzk-timeout-ms": "100" } });
    assert.ok(answer.status === 503 || answer.status === 504, String(answer.status));
    assert.ok(callCount <= 1, `${callCount} attempts`);
  });

  it("of gRPC is passed on as grpc-timeout, over HTTP/2 in clear", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const seen: IncomingHttpHeaders[] = [];
    const instance = createServer();
    instance.on("stream", (stream, headers) => {
      seen.push(headers);
      stream.respond({ ":status": 200, "content-type": "application/grpc", "grpc-status": "0" });
      stream.end();
    });
    await new Promise<void>((resolve) => instance.listen(0, "127.0.0.1", resolve));
    t.after(() => instance.close());
    directory.set("echo", {
      ...{ id: "a", port: (instance.address() as AddressInfo).port, protocol: "grpc" },
    });
    const session = connect(proxy.url);
    t.after(() => session.destroy());
    const stream = session.request({
      ...{ ":method": "POST", ":path": "/s/m", "content-type": "application/grpc" },
      "grpc-timeout": "9S",
    });
    stream.end();
    await new Promise((resolve) => stream.once("response", resolve));
    const passed = /^(\d+)m$/.exec(String(seen[0]?.["grpc-timeout"]));
    assert.ok(Number(passed?.[1]) > 0 && Number(passed?.[1]) <= 9_000, String(passed));
  });
});

describe("attemptTimeoutMs of a route", LIMIT, () => {
  it("goes on to another instance, and is 504 when there is no further try", async (t) => {
    const { proxy, directory, nextEntry } = await startFixture(t, {
      routes: [
        { service: "echo", attemptTimeoutMs: 60 },
        { service: "echo", pathPrefix: "/once", attemptTimeoutMs: 60, retryCount: 0 },
      ],
    });
    const silent = await startInstance(t, () => {});
    const quick = await startInstance(t, (_request, response) => response.end("quick"));
    directory.set("echo", { id: "a", port: silent.port }, { id: "b", port: quick.port });
    const attemptCounts = [];
    for (let call = 0; call < 2; call += 1) {
      assert.equal(await (await fetch(proxy.url)).text(), "quick");
      attemptCounts.push((await nextEntry()).attemptCount);
    }
    assert.ok(attemptCounts.includes(2), "in turn, one of them met the silent one");
    directory.set("echo", { id: "a", port: silent.port });
    const answer = await fetch(`${proxy.url}/once`);
    const { code, reason } = (await answer.json()) as { code?: string; reason?: string };
    assert.deepEqual([answer.status, code, reason], [504, "deadline_exceeded", "attempt-timeout"]);
    assert.equal(directory.heldCount, 0);
  });

  it("says nothing against an instance whose connection was upgraded in time", async (t) => {
    const { proxy, directory, nextEntry } = await startFixture(t, {
      routes: [{ service: "echo", attemptTimeoutMs: 20 }],
    });
    const instance = await startInstance(t, () => {});
    instance.server.on("upgrade", (_request, socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: e\r\n\r\n");
      // Later than the bound, and than the proxy's next look at what is late.
      setTimeout(() => socket.end("late"), 200);
    });
    directory.set("echo", { id: "a", port: instance.port });
    const head = "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: e\r\n\r\n";
    assert.match(await rawExchange(proxy.port, head), /late$/);
    const { outcome, reason } = await nextEntry();
    assert.deepEqual([outcome, reason], ["upgraded", ""]);
  });
});

describe("protocol of a route", LIMIT, () => {
  it("h2c speaks HTTP/2 to endpoints that say http, and without it HTTP/1.1", async (t) => {
    const { proxy, directory } = await startFixture(t, {
      routes: [
        { service: "echo", protocol: "h2c" },
        { service: "echo", pathPrefix: "/one" },
      ],
    });
    const instance = createServer();
    instance.on("stream", (stream) => {
      stream.respond({ ":status": 200 });
      stream.end("by HTTP/2");
    });
    await new Promise<void>((resolve) => instance.listen(0, "127.0.0.1", resolve));
    t.after(() => instance.close());
    const { port } = instance.address() as AddressInfo;
    directory.set("echo", { id: "a", port, protocol: "http" });
    assert.equal(await (await fetch(proxy.url)).text(), "by HTTP/2");
    assert.ok((await fetch(`${proxy.url}/one`)).status >= 500);
    directory.set("echo", { id: "b", port: await refusingPort(), protocol: "http" });
    assert.equal((await fetch(proxy.url)).status, 503);
  });
});
