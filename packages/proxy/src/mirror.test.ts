import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deferred, refusingPort, startFixture, startInstance } from "./proxy-fixture.test.util.js";

const ROUTE = { service: "echo", mirror: { service: "shadow" } };

describe("mirror", () => {
  it("copies a request, whose answer nobody waits for or sees", async (t) => {
    const { proxy, directory } = await startFixture(t, { routes: [ROUTE] });
    const copied = deferred<string>();
    const release = deferred<void>();
    const instance = await startInstance(t, (request, response) =>
      response.end(`mirrored: ${request.headers["x-fpzk-mirror"]}`),
    );
    const shadow = await startInstance(t, (request, response) => {
      copied.resolve(`${request.method} ${request.url} ${request.headers["x-fpzk-mirror"]}`);
      void release.promise.then(() => response.writeHead(500).end());
    });
    directory.set("echo", { id: "a", port: instance.port });
    directory.set("shadow", { id: "m", port: shadow.port });
    const answer = await fetch(`${proxy.url}/x?y`);
    assert.deepEqual([answer.status, await answer.text()], [200, "mirrored: undefined"]);
    assert.equal(await copied.promise, "GET /x?y 1");
    release.resolve();
  });

  it("leaves bodies out, and costs nothing when nobody is there", async (t) => {
    const { proxy, directory } = await startFixture(t, { routes: [ROUTE] });
    const instance = await startInstance(t, (request, response) => {
      request.resume();
      request.on("end", () => response.end("ok"));
    });
    directory.set("echo", { id: "a", port: instance.port });
    assert.equal((await fetch(`${proxy.url}/`)).status, 200);
    directory.set("shadow", { id: "m", port: await refusingPort() });
    assert.equal((await fetch(`${proxy.url}/`)).status, 200);
    assert.equal((await fetch(`${proxy.url}/`, { method: "POST", body: "b" })).status, 200);
    const text = await proxy.metrics.registry.metrics();
    assert.match(text, /proxy_mirrored_total\{outcome="left-out"\} 1/);
    assert.match(text, /proxy_mirrored_total\{outcome="sent"\} 1/);
  });
});
