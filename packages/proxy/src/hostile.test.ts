/** Requests that break the protocol or a limit: each gets its status and harms nobody. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  deferred,
  type ProxyFixture,
  rawConnect,
  rawExchange,
  readAll,
  startFixture,
  startInstance,
} from "./proxy-fixture.test.util.js";

const CASES: readonly { name: string; text: string; status: number; passes?: boolean }[] = [
  {
    name: "both Content-Length and Transfer-Encoding",
    text: "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    status: 400,
  },
  {
    name: "Transfer-Encoding before Content-Length",
    text: "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n",
    status: 400,
  },
  {
    name: "two different Content-Lengths",
    text: "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcd",
    status: 400,
  },
  {
    name: "a Transfer-Encoding that does not end in chunked",
    text: "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    status: 400,
  },
  {
    name: "an obfuscated Transfer-Encoding name",
    text: "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n",
    status: 400,
  },
  {
    name: "a negative Content-Length",
    text: "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
    status: 400,
  },
  {
    name: "a folded field",
    text: "GET / HTTP/1.1\r\nhost: x\r\nx-a: b\r\n c\r\n\r\n",
    status: 400,
  },
  { name: "a bare line feed", text: "GET / HTTP/1.1\nhost: x\n\n", status: 400 },
  {
    name: "a field name with a space",
    text: "GET / HTTP/1.1\r\nhost: x\r\nbad name: 1\r\n\r\n",
    status: 400,
  },
  {
    name: "a field value with a control character",
    text: "GET / HTTP/1.1\r\nhost: x\r\nx-a: b\u0001c\r\n\r\n",
    status: 400,
  },
  { name: "no Host", text: "GET / HTTP/1.1\r\n\r\n", status: 400 },
  { name: "two Hosts", text: "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", status: 400 },
  {
    name: "user information in the target",
    text: "GET http://a@b/ HTTP/1.1\r\nhost: b\r\n\r\n",
    status: 400,
  },
  { name: "dot segments", text: "GET /a/../b HTTP/1.1\r\nhost: x\r\n\r\n", status: 400 },
  { name: "hidden dot segments", text: "GET /a/%2E./b HTTP/1.1\r\nhost: x\r\n\r\n", status: 400 },
  { name: "a method that is none", text: "FOO / HTTP/1.1\r\nhost: x\r\n\r\n", status: 400 },
  { name: "TRACE", text: "TRACE / HTTP/1.1\r\nhost: x\r\n\r\n", status: 405 },
  { name: "CONNECT", text: "CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n", status: 405 },
  {
    name: "an unknown expectation",
    text: "POST / HTTP/1.1\r\nhost: x\r\nexpect: 200-ok\r\ncontent-length: 1\r\n\r\n",
    status: 417,
  },
  {
    name: "a header section above the limit",
    text: `GET / HTTP/1.1\r\nhost: x\r\nx-a: ${"a".repeat(20_000)}\r\n\r\n`,
    status: 431,
  },
  {
    name: "too many fields",
    text: `GET / HTTP/1.1\r\nhost: x\r\n${"a: b\r\n".repeat(200)}\r\n`,
    status: 431,
  },
  { name: "not HTTP", text: "\u0016\u0003\u0001\u0002\r\n\r\n", status: 400 },
  {
    name: "a bad chunk size",
    text: "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n\r\n",
    status: 400,
    passes: true,
  },
];

async function withInstance(fixture: ProxyFixture, onRequest: () => void, t: never): Promise<void> {
  const instance = await startInstance(t, (request, response) => {
    onRequest();
    request.on("error", () => {});
    request.resume().on("end", () => response.end("reached"));
  });
  fixture.directory.set("echo", { id: "a", port: instance.port });
}

describe("hostile requests", () => {
  for (const { name, text, status, passes } of CASES) {
    it(`${status}: ${name}`, async (t) => {
      const fixture = await startFixture(t);
      let reachedCount = 0;
      await withInstance(fixture, () => (reachedCount += 1), t as never);
      const answer = await rawExchange(fixture.proxy.port, text);
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), answer);
      assert.equal(answer.match(/HTTP\/1\.1 \d{3} /g)?.length, 1, "one answer only");
      if (passes !== true) assert.equal(reachedCount, 0);
      const after = await fetch(`${fixture.proxy.url}/`);
      assert.equal(await after.text(), "reached", "the proxy goes on");
    });
  }

  it("408: a header that does not arrive", async (t) => {
    const { proxy } = await startFixture(t, { limits: { headerTimeoutMs: 200 } });
    const answer = await rawExchange(proxy.port, "GET / HTTP/1.1\r\nhost: x\r\nx-slow: ");
    assert.match(answer, /^HTTP\/1\.1 408 /);
  });

  it("408: a body that stops arriving", async (t) => {
    const fixture = await startFixture(t, { limits: { idleTimeoutMs: 200 } });
    await withInstance(fixture, () => {}, t as never);
    const text = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc";
    assert.match(await rawExchange(fixture.proxy.port, text), /^HTTP\/1\.1 408 /);
    const entry = await fixture.nextEntry();
    assert.deepEqual([entry.outcome, entry.statusCode], ["refused", 408]);
    assert.equal(fixture.directory.heldCount, 0);
  });

  it("does not answer a request in work with what is wrong about the next", async (t) => {
    const fixture = await startFixture(t);
    await withInstance(fixture, () => {}, t as never);
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
