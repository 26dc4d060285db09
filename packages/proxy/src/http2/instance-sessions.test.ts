/** Instances that speak HTTP/2, with servers of node:http2. */
import assert from "node:assert/strict";
import {
  connect,
  constants,
  createServer,
  type Http2Server,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { deferred, rawConnect, refusingPort, startFixture } from "../proxy-fixture.test.util.js";

type OnStream = (stream: ServerHttp2Stream, path: string) => void;

async function startHttp2(
  t: TestContext,
  onStream: OnStream,
  settings = {},
): Promise<{ server: Http2Server; port: number; sessionCount: () => number }> {
  const server = createServer({ settings });
  let count = 0;
  server.on("session", (session) => {
    count += 1;
    t.after(() => session.destroy());
  });
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    onStream(stream, String(headers[":path"]));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  return { server, port, sessionCount: () => count };
}

describe("instances of HTTP/2", () => {
  it("answer callers of HTTP/1.1, bodies and trailers included", async (t) => {
    const { proxy, directory, nextEntry } = await startFixture(t);
    const { port, sessionCount } = await startHttp2(t, (stream) => {
      stream.respond({ ":status": 201, "x-a": ["1", "2"] }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "ok" }));
      stream.pipe(stream);
    });
    directory.set("echo", { id: "a", port, protocol: "h2c" });
    for (let index = 0; index < 5; index += 1) {
      const body = "x".repeat(200_000);
      const answer = await fetch(proxy.url, { method: "POST", body });
      assert.deepEqual([answer.status, answer.headers.get("x-a")], [201, "1, 2"]);
      assert.equal(await answer.text(), body);
      assert.equal((await nextEntry()).outcome, "completed");
    }
    assert.equal(sessionCount(), 1);
    assert.equal(directory.heldCount, 0);
  });

  it("may tell the length of an answer of gRPC: its trailers pass all the same", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const { port } = await startHttp2(t, (stream) => {
      const fields = { "content-type": "application/grpc", "content-length": "5" };
      stream.respond({ ":status": 200, ...fields }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(Buffer.alloc(5));
    });
    directory.set("echo", { id: "a", port, protocol: "h2c" });
    const session = connect(proxy.url);
    t.after(() => session.destroy());
    const fields = { "content-type": "application/grpc", te: "trailers" };
    const stream = session.request({ ":method": "POST", ":path": "/a.B/C", ...fields });
    const trailers = deferred<unknown>();
    stream.on("trailers", ({ "grpc-status": status }) => trailers.resolve(status));
    stream.on("close", () => trailers.resolve("no trailers"));
    stream.end(Buffer.alloc(5));
    let bytes = 0;
    for await (const chunk of stream) bytes += (chunk as Buffer).length;
    assert.deepEqual([bytes, String(await trailers.promise)], [5, "0"]);
  });

  it("get no more streams than they allow: the rest waits, or another session is opened", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const open = deferred<void>();
    let activeCount = 0;
    const { port, sessionCount } = await startHttp2(
      t,
      (stream) => {
        activeCount += 1;
        if (activeCount === 8) open.resolve();
        void open.promise.then(() => {
          stream.respond({ ":status": 200 });
          stream.end("done");
        });
      },
      { maxConcurrentStreams: 2 },
    );
    directory.set("echo", { id: "a", port, protocol: "h2c" });
    const all = Array.from({ length: 20 }, () => fetch(proxy.url).then((one) => one.text()));
    assert.deepEqual(new Set(await Promise.all(all)), new Set(["done"]));
    assert.equal(activeCount, 20);
    // Four sessions of two streams each carried all.
    assert.equal(sessionCount(), 4);
  });

  it("that refuse a stream or cannot be reached give way to another, whatever the method", async (t) => {
    const { proxy, directory, nextEntry } = await startFixture(t);
    let refusedCount = 0;
    const refusing = await startHttp2(t, (stream) => {
      refusedCount += 1;
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
    });
    const good = await startHttp2(t, (stream) => {
      stream.respond({ ":status": 200 });
      stream.end("good");
    });
    directory.set(
      "echo",
      { id: "a", port: refusing.port, protocol: "h2c" },
      { id: "b", port: good.port, protocol: "h2c" },
    );
    for (let index = 0; index < 2; index += 1) {
      assert.equal(await (await fetch(proxy.url, { method: "POST" })).text(), "good");
    }
    assert.ok(refusedCount > 0);
    directory.set(
      "echo",
      { id: "c", port: await refusingPort(), protocol: "h2c" },
      { id: "b", port: good.port, protocol: "h2c" },
    );
    for (let index = 0; index < 2; index += 1) {
      assert.equal(await (await fetch(proxy.url, { method: "POST" })).text(), "good");
    }
    for (let index = 0; index < 4; index += 1) await nextEntry();
    assert.equal(directory.heldCount, 0);
  });

  it("that break a stream off have their callers told, and may be asked again", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const { port } = await startHttp2(t, (stream, path) => {
      if (path === "/early") stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      else if (path === "/late") {
        stream.respond({ ":status": 200 });
        stream.write("begun");
        setImmediate(() => stream.destroy(new Error("broken")));
      } else {
        stream.respond({ ":status": 200 });
        stream.end("whole");
      }
    });
    directory.set("echo", { id: "a", port, protocol: "h2c" });
    const early = await fetch(`${proxy.url}/early`, { method: "POST" });
    assert.equal(early.status, 502);
    assert.match(await early.text(), /"reason":"closed"/);
    const late = await fetch(`${proxy.url}/late`);
    await assert.rejects(late.text());
    assert.equal(await (await fetch(`${proxy.url}/`)).text(), "whole");
  });

  it("see the body broken off that a caller breaks off", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const begun = deferred<void>();
    const closed = deferred<number | undefined>();
    const { port } = await startHttp2(t, (stream) => {
      stream.on("data", () => begun.resolve());
      stream.on("close", () => closed.resolve(stream.rstCode));
    });
    directory.set("echo", { id: "a", port, protocol: "h2c" });
    const socket = rawConnect(proxy.port);
    socket.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf");
    await begun.promise;
    socket.destroy();
    assert.equal(await closed.promise, constants.NGHTTP2_INTERNAL_ERROR);
  });

  it("that say GOAWAY finish what they have and get nothing more by that session", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const hold = deferred<void>();
    const arrived = deferred<ServerHttp2Stream>();
    const { port, sessionCount } = await startHttp2(t, (stream, path) => {
      stream.respond({ ":status": 200 });
      if (path === "/held") {
        arrived.resolve(stream);
        void hold.promise.then(() => stream.end("held"));
      } else stream.end("new");
    });
    directory.set("echo", { id: "a", port, protocol: "h2c" });
    const held = fetch(`${proxy.url}/held`).then((answer) => answer.text());
    (await arrived.promise).session?.close();
    for (let index = 0; index < 3; index += 1) {
      assert.equal(await (await fetch(`${proxy.url}/new`, { method: "POST" })).text(), "new");
    }
    assert.equal(sessionCount(), 2);
    hold.resolve();
    assert.equal(await held, "held");
  });

  it("that never say their settings are no connection", async (t) => {
    const { proxy, directory } = await startFixture(t, { limits: { connectTimeoutMs: 100 } });
    const silent = (await import("node:net")).createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    t.after(() => silent.close());
    const { port } = silent.address() as AddressInfo;
    directory.set("echo", { id: "a", port, protocol: "h2c" });
    const answer = await fetch(proxy.url);
    assert.equal(answer.status, 503);
    assert.match(await answer.text(), /"reason":"connect-timeout"/);
  });
});
