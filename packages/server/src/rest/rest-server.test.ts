/** The REST face on a real server: what the fake port of the other tests stands for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Effect, NodeEvent } from "@fpzk/core";
import { CLUSTER, echoScript, NODE, startEdge } from "../edge.test.support.js";
import { silentLogger } from "../logger.js";
import { startServer } from "../start-server.js";
import { WatchReader } from "./watch-reader.test.support.js";

const CART_1 = "/v1/services/cart/instances/cart-1";

test("one node serves a lease's whole life and its watch", async () => {
  await using server = await startServer({ cluster: CLUSTER, node: NODE, logger: silentLogger });
  const call = async (method: string, path: string, body?: unknown) => {
    const headers = { "content-type": "application/json" };
    const init = body === undefined ? {} : { headers, body: JSON.stringify(body) };
    const answer = await fetch(`http://${server.address}${path}`, { method, ...init });
    const text = await answer.text();
    return { status: answer.status, json: text === "" ? undefined : JSON.parse(text) };
  };
  const httpPort = Number(server.address.split(":").at(-1));
  // Silent until the node is ready.
  const reader = (await WatchReader.open(httpPort, "/v1/services/cart/watch")).start();
  const [complete] = await reader.until("complete");
  assert.equal(complete.instanceCount, 0);
  const endpoints = [{ host: "10.0.0.1", port: 80 }];
  assert.equal((await call("PUT", CART_1, { ttl: "1m", endpoints })).status, 201);
  assert.equal((await reader.next()).instance.liveness, "alive");
  assert.equal((await call("PUT", CART_1, { ttl: "1m", endpoints, weight: 5 })).status, 200);
  assert.equal((await reader.next()).instance.weight, 5);
  const patched = await call("PATCH", CART_1, { group: "blue" });
  assert.deepEqual([patched.status, patched.json.group, patched.json.weight], [200, "blue", 5]);
  assert.equal((await reader.next()).instance.group, "blue");
  assert.equal((await call("POST", `${CART_1}/renew`)).status, 204);
  assert.equal((await call("PUT", `${CART_1}/override`, { state: "offline" })).status, 200);
  assert.equal((await reader.next()).instance.state, "offline");
  assert.equal((await call("DELETE", `${CART_1}/override`)).status, 204);
  assert.equal((await reader.next()).instance.state, "up");
  const drained = await call("PUT", `${CART_1}/state`, { state: "draining" });
  assert.deepEqual(drained.json, { confirmedCount: 0, unconfirmed: [] });
  const draining = await reader.next();
  assert.equal(draining.instance.state, "draining");
  assert.deepEqual((await call("GET", CART_1)).json, draining.instance);
  assert.equal((await call("DELETE", CART_1)).status, 204);
  const removed = await reader.next();
  assert.deepEqual([removed.type, removed.reason], ["removed", "deregistered"]);
  const resumed = (
    await WatchReader.open(httpPort, `/v1/services/cart/watch?resume=${removed.resume}`)
  ).start();
  assert.deepEqual(
    (await resumed.until("complete")).map(({ type }) => type),
    ["complete"],
  );
  resumed.close();
  assert.equal((await call("POST", `${CART_1}/renew`)).json.code, "not_found");
  reader.close();
});

test("a watch whose session core closes ends and says why", async () => {
  const script = (event: NodeEvent): Effect[] => {
    if (event.type !== "session-message" || event.message.type !== "watch")
      return echoScript(event);
    const { session } = event;
    return [{ type: "close-session", session, code: "resource_exhausted", message: "full" }];
  };
  await using edge = await startEdge({}, script);
  const answer = await fetch(`http://127.0.0.1:${edge.port}/v1/services/cart/watch`);
  // Before or after the head, as the turn of the node falls.
  assert.match(await answer.text(), /"code":"resource_exhausted"/);
});
