/** Requests that break the protocol or a limit: each gets its status and harms nobody. */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { HOSTILE_REQUESTS } from "./hostile-requests.fixture.js";
import {
  deferred,
  type ProxyFixture,
  rawConnect,
  rawExchange,
  readAll,
  startFixture,
  startInstance,
} from "./proxy-fixture.test.util.js";

async function withInstance(
  fixture: ProxyFixture,
  onRequest: () => void,
  t: TestContext,
): Promise<void> {
  const instance = await startInstance(t, (request, response) => {
    onRequest();
    request.on("error", () => {});
    request.resume().on("end", () => response.end("reached"));
  });
  fixture.directory.set("echo", { id: "a", port: instance.port });
}

/** An instance that tells which requests it saw begin, and which whole. */
async function startWitness(t: TestContext, fixture: ProxyFixture) {
  const seen = { begun: [] as string[], whole: [] as string[] };
  const instance = await startInstance(t, (request, response) => {
    const text = `${request.method} ${request.url}`;
    seen.begun.push(text);
    request.on("error", () => {});
    request.resume().on("end", () => {
      seen.whole.push(text);
      response.end("reached");
    });
  });
  fixture.directory.set("echo", { id: "a", port: instance.port });
  return seen;
}

describe("hostile requests", () => {
  it("has no case twice", () => {
    const texts = HOSTILE_REQUESTS.map(({ text }) => text);
    assert.equal(new Set(texts).size, texts.length);
    assert.ok(texts.length >= 100, `${texts.length} cases`);
  });

  it("answers each with its status, once, and passes none on", async (t) => {
    const fixture = await startFixture(t);
    const seen = await startWitness(t, fixture);
    for (const { name, text, status, section, isOfBody } of HOSTILE_REQUESTS) {
      const about = `${name} (${section})`;
      const answer = await rawExchange(fixture.proxy.port, text);
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), about);
      assert.equal(answer.match(/HTTP\/1\.1 \d{3} /g)?.length, 1, `one answer: ${about}`);
      assert.match(answer, /"code":"(invalid_argument|unimplemented)"/, about);
      // The proxy goes on, and this is the first whole request that the instance sees.
      const after = await fetch(`${fixture.proxy.url}/after`);
      assert.equal(await after.text(), "reached", about);
      assert.deepEqual(seen.whole.splice(0), ["GET /after"], about);
      const begun = seen.begun.splice(0).filter((one) => !(isOfBody && one === "POST /"));
      assert.deepEqual(begun, ["GET /after"], about);
    }
    assert.equal(fixture.directory.heldCount, 0);
  });

  it("408: a header that does not arrive", async (t) => {
    const { proxy } = await startFixture(t, { limits: { headerTimeoutMs: 200 } });
    const answer = await rawExchange(proxy.port, "GET / HTTP/1.1\r\nhost: x\r\nx-slow: ");
    assert.match(answer, /^HTTP\/1\.1 408 /);
  });

  it("408: a body that stops arriving", async (t) => {
    const fixture = await startFixture(t, { limits: { idleTimeoutMs: 200 } });
    await withInstance(fixture, () => {}, t);
    const text = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc";
    assert.match(await rawExchange(fixture.proxy.port, text), /^HTTP\/1\.1 408 /);
    const entry = await fixture.nextEntry();
    assert.deepEqual([entry.outcome, entry.statusCode], ["refused", 408]);
    assert.equal(fixture.directory.heldCount, 0);
  });

  it("does not answer a request in work with what is wrong about the next", async (t) => {
    const fixture = await startFixture(t);
    await withInstance(fixture, () => {}, t);
    const text = "GET / HTTP/1.1\r\nhost: x\r\n\r\nGARBAGE\r\n\r\n";
    const answers = await rawExchange(fixture.proxy.port, text);
    assert.match(answers, /^HTTP\/1\.1 200 OK\r\n[\s\S]*reached[\s\S]*HTTP\/1\.1 400 /);
  });

  it("503: more requests than the limit", async (t) => {
    const fixture = await startFixture(t, { limits: { requestCountMax: 1 } });
    const reached = deferred<() => void>();
    const instance = await startInstance(t, (_request, response) => {
      reached.resolve(() => response.end());
    });
    fixture.directory.set("echo", { id: "a", port: instance.port });
    const first = fetch(`${fixture.proxy.url}/`);
    const finish = await reached.promise;
    const second = await fetch(`${fixture.proxy.url}/`);
    assert.equal(second.status, 503);
    assert.equal(((await second.json()) as { code: string }).code, "resource_exhausted");
    finish();
    assert.equal((await first).status, 200);
  });

  it("routes an absolute target by its own authority", async (t) => {
    const fixture = await startFixture(t, { routes: [{ service: "echo", host: "real.example" }] });
    const instance = await startInstance(t, (request, response) => {
      response.end(`${request.headers.host} ${request.url}`);
    });
    fixture.directory.set("echo", { id: "a", port: instance.port });
    const socket = rawConnect(fixture.proxy.port);
    socket.write(
      "GET http://real.example/p?q HTTP/1.1\r\nhost: fake.example\r\nconnection: close\r\n\r\n",
    );
    assert.match(await readAll(socket), /real\.example \/p\?q/);
  });
});
