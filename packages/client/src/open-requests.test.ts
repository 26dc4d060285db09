import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, get, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { OpenRequests } from "./open-requests.js";

test("requests in work are counted until they are answered or their caller is gone", async (t) => {
  const requests = new OpenRequests();
  t.after(() => requests.close());
  const held: ServerResponse[] = [];
  const server = createServer((_, response) => held.push(response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const ask = async () => {
    const asked = get({ host: "127.0.0.1", port, agent: false });
    asked.on("error", () => {});
    await once(server, "request");
    return asked;
  };
  const [first, second] = [await ask(), await ask()];
  assert.equal(requests.count, 2);
  const none = requests.none(60_000);
  second.destroy();
  held[0]?.end("done");
  const [answer] = await once(first, "response");
  answer.resume();
  await none;
  assert.equal(requests.count, 0);
});

test("a request that never ends is waited for no longer than the time", async (t) => {
  const requests = new OpenRequests();
  t.after(() => requests.close());
  const server = createServer(() => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const asked = get({ host: "127.0.0.1", port, agent: false });
  asked.on("error", () => {});
  await once(server, "request");
  await requests.none(10);
  assert.equal(requests.count, 1);
  asked.destroy();
  server.close();
});
