import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deferred, startFixture, startInstance } from "./proxy-fixture.test.util.js";

const HEDGED = { service: "echo", hedge: { afterMs: 20 } };

describe("hedging", () => {
  it("asks another instance while the first is silent, and passes the first answer on", async (t) => {
    const { proxy, directory, nextEntry } = await startFixture(t, { routes: [HEDGED] });
    const broken = deferred<void>();
    const slow = await startInstance(t, (request) => {
      request.socket.once("close", () => broken.resolve());
    });
    const quick = await startInstance(t, (_request, response) => response.end("quick"));
    directory.set("echo", { id: "a", port: slow.port }, { id: "b", port: quick.port });
    // In turn, one of the two begins with the silent one.
    const entries = [];
    for (let call = 0; call < 2; call += 1) {
      assert.equal(await (await fetch(`${proxy.url}/`)).text(), "quick");
      entries.push(await nextEntry());
    }
    assert.ok(entries.every(({ instanceId }) => instanceId === "b"));
    assert.ok(entries.some(({ attemptCount }) => attemptCount === 2));
    await broken.promise;
    assert.equal(directory.heldCount, 0, "the one that lost was given up");
    assert.match(
      await proxy.metrics.registry.metrics(),
      /proxy_hedges_total\{route="[^"]+",service="echo"\} [12]\b/,
    );
  });

  it("ejects an instance that others overtake again and again", async (t) => {
    const route = { service: "echo", hedge: { afterMs: 100 } };
    const { proxy, directory, nextEntry } = await startFixture(t, { routes: [route] });
    const slow = await startInstance(t, () => {});
    const quick = await startInstance(t, (_request, response) => response.end("quick"));
    directory.set("echo", { id: "a", port: slow.port }, { id: "b", port: quick.port });
    let hedgedCount = 0;
    // In turn, until the silent one was overtaken five times; the sixth turn is not its.
    for (let call = 0; call < 20; call += 1) {
      await (await fetch(`${proxy.url}/`)).text();
      if ((await nextEntry()).attemptCount === 2) hedgedCount += 1;
    }
    assert.equal(hedgedCount, 5);
  });

  it("asks only one where the answer comes in time, or the request may not be repeated", async (t) => {
    const { proxy, directory } = await startFixture(t, {
      routes: [
        { service: "echo", hedge: { afterMs: 60_000 } },
        { ...HEDGED, methods: ["POST"] },
      ],
    });
    let callCount = 0;
    const instance = await startInstance(t, (request, response) => {
      callCount += 1;
      if (request.method === "GET") response.end();
      else setTimeout(() => response.end(), 100);
    });
    directory.set("echo", { id: "a", port: instance.port }, { id: "b", port: instance.port });
    await fetch(`${proxy.url}/`);
    await fetch(`${proxy.url}/`, { method: "POST" });
    assert.equal(callCount, 2);
  });

  it("goes on with the other when one of two fails", async (t) => {
    const { proxy, directory } = await startFixture(t, {
      routes: [{ ...HEDGED, retryCount: 0, retryOn: ["503"] }],
    });
    const second = deferred<void>();
    const first = await startInstance(t, (_request, response) => {
      // Fails once another was asked: the request goes on there.
      void second.promise.then(() => response.writeHead(503).end());
    });
    const other = await startInstance(t, (_request, response) => {
      second.resolve();
      setTimeout(() => response.end("other"), 50);
    });
    directory.set("echo", { id: "a", port: first.port }, { id: "b", port: other.port });
    const answer = await fetch(`${proxy.url}/`);
    assert.deepEqual([answer.status, await answer.text()], [200, "other"]);
    assert.equal(directory.heldCount, 0);
  });

  it("waits for as long as 95 of 100 answers took, once a hundred are known", async (t) => {
    const { proxy, directory, nextEntry } = await startFixture(t, {
      routes: [{ service: "echo", hedge: { after: "p95" } }],
    });
    let isSilent = false;
    let silentCount = 0;
    const instance = await startInstance(t, (_request, response) => {
      // Only whoever is asked first is silent: each that comes after it answers.
      if (isSilent && silentCount === 0) silentCount += 1;
      else response.end();
    });
    directory.set("echo", { id: "a", port: instance.port }, { id: "b", port: instance.port });
    for (let call = 0; call < 99; call += 1) {
      await (await fetch(proxy.url)).text();
      assert.equal((await nextEntry()).attemptCount, 1, "too little is known");
    }
    await (await fetch(proxy.url)).text();
    await nextEntry();
    isSilent = true;
    assert.equal((await fetch(proxy.url)).status, 200);
    assert.equal((await nextEntry()).attemptCount, 2);
    assert.equal(silentCount, 1);
  });

  it("spends the retry budget, and no more", async (t) => {
    const { proxy, directory, nextEntry } = await startFixture(t, {
      routes: [HEDGED],
      retryBudget: { retryRatio: 0, retryPerSecondMin: 0 },
    });
    const instance = await startInstance(t, (_request, response) => {
      setTimeout(() => response.end("slow"), 100);
    });
    directory.set("echo", { id: "a", port: instance.port }, { id: "b", port: instance.port });
    assert.equal(await (await fetch(`${proxy.url}/`)).text(), "slow");
    assert.equal((await nextEntry()).attemptCount, 1);
    assert.equal(directory.heldCount, 0);
  });
});
