/** gRPC with the proxy between a client and a server of `@grpc/grpc-js`. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it, type TestContext } from "node:test";
import { startProxy } from "@fpzk/proxy";
import {
  Client,
  type ClientDuplexStream,
  type ClientWritableStream,
  credentials,
  type StatusObject,
  status,
} from "@grpc/grpc-js";
import { identity } from "./grpc-bytes.js";
import { directoryOf } from "./one-instance-directory.js";
import { callUnary, SERVICE, startGrpcEcho } from "./proxy-clients/grpc-echo.js";

async function startAll(t: TestContext) {
  const { port, seen, server } = await startGrpcEcho(t);
  const directory = directoryOf(port, false, "grpc");
  const proxy = await startProxy({
    port: 0,
    directory,
    routes: [{ service: "echo", pathPrefix: "/test.Echo" }],
  });
  t.after(() => proxy.close({ drainMs: 0 }));
  const client = new Client(`127.0.0.1:${proxy.port}`, credentials.createInsecure());
  t.after(() => client.close());
  return { client, proxy, seen, server };
}

/** How a call ended, well or not. */
function statusOf(call: ClientDuplexStream<Buffer, Buffer>): Promise<StatusObject> {
  call.on("error", () => {});
  return new Promise((resolve) => call.once("status", resolve));
}

describe("gRPC through the proxy", () => {
  it("carries unary calls with trailers", async (t) => {
    const { client } = await startAll(t);
    const answer = await callUnary(client, SERVICE.unary.path, "hello");
    assert.deepEqual(answer, { text: "hello", trailer: "in", error: null });
    const large = "x".repeat(3_000_000);
    assert.equal((await callUnary(client, SERVICE.unary.path, large)).text, large);
  });

  it("carries streams of the server, of the client, and both at once", async (t) => {
    const { client } = await startAll(t);
    const numbers = client.makeServerStreamRequest(
      SERVICE.count.path,
      identity,
      identity,
      Buffer.from("1000"),
    );
    let received = 0;
    for await (const part of numbers) {
      assert.equal(Number(part), received);
      received += 1;
    }
    assert.equal(received, 1_000);
    const total = await new Promise<string>((resolve, reject) => {
      const call: ClientWritableStream<Buffer> = client.makeClientStreamRequest(
        SERVICE.sum.path,
        identity,
        identity,
        (error, answer) => (error === null ? resolve(String(answer)) : reject(error)),
      );
      for (let index = 1; index <= 100; index += 1) call.write(Buffer.from(String(index)));
      call.end();
    });
    assert.equal(total, "5050");
    const chat = client.makeBidiStreamRequest(SERVICE.chat.path, identity, identity);
    for (const word of ["one", "two", "three"]) {
      // Each answer comes while the request goes on.
      chat.write(Buffer.from(word));
      const [answer] = (await once(chat, "data")) as [Buffer];
      assert.equal(String(answer), `re ${word}`);
    }
    chat.end();
    const [ended] = (await once(chat, "status")) as [{ code: number }];
    assert.equal(ended.code, status.OK);
  });

  it("passes statuses, deadlines and cancellations on", async (t) => {
    const { client, seen } = await startAll(t);
    const failed = await callUnary(client, SERVICE.fail.path, "");
    assert.equal(failed.error?.code, status.FAILED_PRECONDITION);
    assert.equal(failed.error?.details, "nicht jetzt: später");
    const late = await callUnary(client, SERVICE.hang.path, "", { deadline: Date.now() + 300 });
    assert.equal(late.error?.code, status.DEADLINE_EXCEEDED);
    await seen.hanging;
    // What the caller gave up, the instance is told to give up.
    await seen.cancelled;
  });

  it("answers for an instance that is away, and for no route, by gRPC's statuses", async (t) => {
    const { client, server } = await startAll(t);
    const none = await callUnary(client, "/other.Service/x", "");
    assert.equal(none.error?.code, status.UNIMPLEMENTED);
    server.forceShutdown();
    const away = await callUnary(client, SERVICE.unary.path, "");
    assert.equal(away.error?.code, status.UNAVAILABLE);
    assert.match(String(away.error?.details), /cannot be connected to/);
  });

  it("passes the status of a call that its server ends while the client still sends", async (t) => {
    const { client } = await startAll(t);
    for (let round = 0; round < 20; round += 1) {
      const call = client.makeBidiStreamRequest(SERVICE.enough.path, identity, identity);
      call.resume().write(Buffer.from("one"));
      const { code, details } = await statusOf(call);
      assert.deepEqual([code, details], [status.OUT_OF_RANGE, "enough"]);
    }
  });

  it("tells the client of an instance that dies in the middle of a stream", async (t) => {
    const { client, server } = await startAll(t);
    const chat = client.makeBidiStreamRequest(SERVICE.chat.path, identity, identity);
    chat.write(Buffer.from("one"));
    await once(chat, "data");
    const ended = statusOf(chat);
    server.forceShutdown();
    const { code, details } = await ended;
    assert.equal(code, status.UNAVAILABLE);
    assert.match(details, /^instance i of echo broke its answer off/);
  });

  it("loses no call when the proxy drains", async (t) => {
    const { client, proxy } = await startAll(t);
    const chat = client.makeBidiStreamRequest(SERVICE.chat.path, identity, identity);
    chat.write(Buffer.from("first"));
    await once(chat, "data");
    const closing = proxy.close({ drainMs: 10_000 });
    chat.write(Buffer.from("second"));
    const [answer] = (await once(chat, "data")) as [Buffer];
    assert.equal(String(answer), "re second");
    chat.end();
    const [ended] = (await once(chat, "status")) as [{ code: number }];
    assert.equal(ended.code, status.OK);
    await closing;
  });
});
