/** What a web page of another site, whose name was made to resolve here, gets of a node. */
import assert from "node:assert/strict";
import { request } from "node:http";
import test from "node:test";
import { CLUSTER, NODE } from "./edge.test.support.js";
import { silentLogger } from "./logger.js";
import type { RunningServer } from "./node-server.js";
import type { NodeServerOptions } from "./options.js";
import { startServer } from "./start-server.js";

function start(change: Partial<NodeServerOptions>) {
  return startServer({ cluster: CLUSTER, node: { ...NODE, ...change }, logger: silentLogger });
}

function portOf({ address }: RunningServer): number {
  return Number(address.split(":").at(-1));
}

/** Status and body of an answer. */
function ask(
  port: number,
  path: string,
  headers: Record<string, string>,
): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path, headers }, async (response) => {
      let body = "";
      for await (const chunk of response) body += chunk;
      resolve({ status: response.statusCode, body });
    });
    asked.on("error", reject).end();
  });
}

test("a node without tokens answers to addresses, localhost and its names, and to no other", async () => {
  await using server = await start({ hostNames: ["registry.test"] });
  const port = portOf(server);
  for (const host of ["127.0.0.1", "[::1]:80", "localhost", "Registry.test:7100"]) {
    assert.equal((await ask(port, "/v1/services", { host })).status, 200, host);
  }
  for (const path of ["/v1/services", "/v1/nodes", "/metrics"]) {
    const { status, body } = await ask(port, path, { host: `evil.test:${port}` });
    assert.equal(status, 403, path);
    assert.match(body, /Host .*evil\.test.*add the name to hostNames","code":"permission_denied"/);
  }
  // What tells nothing is answered to everybody: a probe may call it by any name.
  assert.equal((await ask(port, "/healthz", { host: "evil.test" })).status, 200);
});

test("who asks for tokens need not look at names", async () => {
  const token = "a-token-of-32-bytes-or-more-0123";
  const roles = ["read"] as const;
  await using server = await start({ staticTokens: [{ token, roles, name: "t", namespace: "*" }] });
  const headers = { host: "evil.test", authorization: `Bearer ${token}` };
  assert.equal((await ask(portOf(server), "/v1/services", headers)).status, 200);
});
