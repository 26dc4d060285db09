/** Instances that answer wrongly: callers get a named 502, and no byte of it reaches the next. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { HOSTILE_ANSWERS } from "./hostile-answers.fixture.js";
import { rawConnect, rawExchange, readAll, startFixture } from "./proxy-fixture.test.util.js";

const REQUEST = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const GOOD = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";

/** An instance that answers what it is told, on whichever connection it is asked. */
async function startScripted(t: TestContext) {
  const script = {
    text: "",
    ends: true,
    connectionCount: 0,
    latest: undefined as Socket | undefined,
  };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    script.connectionCount += 1;
    script.latest = socket;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", () => {
      if (script.ends) socket.end(script.text, "latin1");
      else socket.write(script.text, "latin1");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return { script, port: address.port };
}

describe("hostile answers", () => {
  it("are 502 with their reason, or break off, and end their connection", async (t) => {
    const { proxy, directory, nextEntry } = await startFixture(t, {
      routes: [{ service: "echo", retryCount: 0 }],
      // The instances fail on purpose: none is to be left out.
      outlier: { maxEjectionPercent: 0 },
    });
    const { script, port } = await startScripted(t);
    directory.set("echo", { id: "a", port });
    for (const { name, text, reason, isOfBody } of HOSTILE_ANSWERS) {
      script.text = text;
      script.ends = true;
      const answer = await rawExchange(proxy.port, REQUEST);
      const entry = await nextEntry();
      if (isOfBody === true && answer.startsWith("HTTP/1.1 200 ")) {
        assert.doesNotMatch(answer, /\r\n0\r\n\r\n$/, `told as whole: ${name}`);
        assert.equal(entry.outcome, "failed", name);
        // It ended before its answer did, or answered what no body is.
        assert.match(entry.reason, /^(closed|answer-body)$/, name);
      } else {
        assert.match(answer, /(^|\r\n\r\n)HTTP\/1\.1 502 Bad Gateway\r\n/, name);
        assert.match(answer, new RegExp(`"reason":"${reason}"`), name);
        assert.deepEqual([entry.statusCode, entry.reason], [502, reason], name);
      }
      const connectionCount = script.connectionCount;
      script.text = GOOD;
      script.ends = false;
      assert.match(await rawExchange(proxy.port, REQUEST), /good$/, `after ${name}`);
      assert.equal(script.connectionCount, connectionCount + 1, `not used again: ${name}`);
      assert.equal((await nextEntry()).reason, "");
      // The good one is kept, and broken by the next case: it must not be asked by then.
      script.text = "";
    }
    assert.equal(directory.heldCount, 0);
  });

  it("break off for the caller too when their head has left", async (t) => {
    const { proxy, directory, nextEntry } = await startFixture(t, {
      outlier: { maxEjectionPercent: 0 },
    });
    const { script, port } = await startScripted(t);
    directory.set("echo", { id: "a", port });
    for (const { name, text } of HOSTILE_ANSWERS.filter((one) => one.isOfBody)) {
      const headEnd = text.indexOf("\r\n\r\n") + 4;
      script.text = text.slice(0, headEnd);
      script.ends = false;
      const socket = rawConnect(proxy.port);
      socket.write(REQUEST);
      const [head] = (await once(socket, "data")) as [Buffer];
      assert.match(String(head), /^HTTP\/1\.1 200 OK\r\n/, name);
      script.latest?.end(text.slice(headEnd), "latin1");
      assert.doesNotMatch(await readAll(socket), /(^|\r\n)0\r\n\r\n$/, `told as whole: ${name}`);
      assert.equal((await nextEntry()).outcome, "failed", name);
    }
    assert.equal(directory.heldCount, 0);
  });

  it("never reads what follows an answer as the next one", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const { script, port } = await startScripted(t);
    directory.set("echo", { id: "a", port });
    script.ends = false;
    script.text = `${GOOD}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`;
    for (let index = 0; index < 3; index += 1) {
      const answer = await rawExchange(proxy.port, REQUEST);
      assert.match(answer, /good$/);
      assert.equal(script.connectionCount, index + 1);
    }
  });

  it("asks again over a new connection when a kept one was closed", async (t) => {
    const { proxy, directory, nextEntry } = await startFixture(t, {
      routes: [{ service: "echo", retryCount: 0 }],
    });
    let requestCount = 0;
    const server = createServer((socket) => {
      socket.on("error", () => {});
      let isFirst = true;
      socket.on("data", () => {
        requestCount += 1;
        // As a server whose idle timeout ends while the next request is on its way.
        if (isFirst) socket.write(GOOD);
        else socket.destroy();
        isFirst = false;
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => server.close());
    const address = server.address();
    assert.ok(address !== null && typeof address === "object");
    directory.set("echo", { id: "a", port: address.port });
    assert.match(await rawExchange(proxy.port, REQUEST), /good$/);
    assert.match(await rawExchange(proxy.port, REQUEST), /good$/);
    assert.equal(requestCount, 3);
    assert.equal((await nextEntry()).attemptCount, 1);
    assert.equal((await nextEntry()).attemptCount, 1, "none of the instance's fault");
    const post = REQUEST.replace("GET", "POST");
    assert.match(await rawExchange(proxy.port, post), /^HTTP\/1\.1 502 /, "never twice");
    assert.equal(requestCount, 4);
  });
});
