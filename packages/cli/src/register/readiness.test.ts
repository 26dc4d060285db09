import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import test from "node:test";
import { waitUntilReady } from "./readiness.js";

const never = new AbortController().signal;

test("a health URL is asked until it answers 2xx", async () => {
  const statuses = [503, 404, 204];
  let askedCount = 0;
  const server = createServer((_, response) => {
    response.writeHead(statuses[askedCount] ?? 500).end();
    askedCount += 1;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const url = new URL(`http://127.0.0.1:${port}/healthz`);
  assert.equal(await waitUntilReady({ type: "http", url }, 60_000, never), undefined);
  assert.equal(askedCount, 3);
  server.close();
});

test("a failure that lasts is told", async () => {
  const probe = { type: "tcp", host: "127.0.0.1", port: 1 } as const;
  assert.equal(await waitUntilReady(probe, 20, never), "ECONNREFUSED");
});

test("an end of interest ends the wait", async () => {
  const over = new AbortController();
  const waiting = waitUntilReady({ type: "tcp", host: "127.0.0.1", port: 1 }, 60_000, over.signal);
  over.abort();
  await waiting;
});
