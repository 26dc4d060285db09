/** A real WebSocket client and server with the proxy between them. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { it } from "node:test";
import { startProxy } from "@fpzk/proxy";
import { WebSocket, WebSocketServer } from "ws";
import { directoryOf } from "./one-instance-directory.js";

it("echoes WebSocket messages of all sizes through the proxy, and passes the close", async (t) => {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket, request) => {
    assert.equal(request.url, "/room?x=1");
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const directory = directoryOf((server.address() as AddressInfo).port, false);
  const routes = [{ service: "chat", pathPrefix: "/chat", stripPrefix: true }];
  const proxy = await startProxy({ port: 0, directory, routes });
  t.after(() => proxy.close({ drainMs: 0 }));

  const caller = new WebSocket(`ws://127.0.0.1:${proxy.port}/chat/room?x=1`);
  await once(caller, "open");
  for (const sizeBytes of [0, 1, 125, 126, 65_536, 3_000_000]) {
    const sent = Buffer.alloc(sizeBytes, sizeBytes % 251);
    caller.send(sent);
    const [echo] = (await once(caller, "message")) as [Buffer];
    assert.ok(sent.equals(echo), `${sizeBytes} bytes`);
  }
  caller.close(4_001, "done");
  const [code, reason] = (await once(caller, "close")) as [number, Buffer];
  assert.deepEqual([code, String(reason)], [4_001, "done"]);
});

it("tells the caller of an instance that dies, with no closing word", async (t) => {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) => socket.send("hello"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const directory = directoryOf((server.address() as AddressInfo).port, false);
  const proxy = await startProxy({ port: 0, directory, routes: [{ service: "chat" }] });
  t.after(() => proxy.close({ drainMs: 0 }));
  const caller = new WebSocket(`ws://127.0.0.1:${proxy.port}/`);
  caller.on("error", () => {});
  await once(caller, "message");
  const closed = once(caller, "close") as Promise<[number]>;
  for (const socket of sockets.clients) socket.terminate();
  const [code] = await closed;
  // RFC 6455 §7.1.5: it ended without a close frame.
  assert.equal(code, 1_006);
});
