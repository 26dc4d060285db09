/** The proxy with real sockets: streaming, failures, retries, refusals, drain. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { describe, it } from "node:test";
import { RegistryError } from "@fpzk/core";
import { startProxy } from "./proxy.js";
import {
  deferred,
  rawConnect,
  rawExchange,
  readAll,
  refusingPort,
  startFixture,
  startInstance,
} from "./proxy-fixture.test.util.js";

interface ProblemBody {
  readonly code: string;
  readonly detail: string;
  readonly status: number;
}

describe("relaying", () => {
  it("passes method, path, query, fields and body, and the answer back", async (t) => {
    const { proxy, directory, nextEntry } = await startFixture(t);
    const instance = await startInstance(t, async (request, response) => {
      let body = "";
      for await (const chunk of request) body += String(chunk);
      response.writeHead(201, { "x-answer": "yes", connection: "x-hop", "x-hop": "secret" });
      response.end(JSON.stringify({ url: request.url, headers: request.headers, body }));
    });
    directory.set("echo", { id: "a", port: instance.port });
    const answer = await fetch(`${proxy.url}/path?token=secret`, {
      method: "POST",
      body: "hello",
      headers: { traceparent: "00-1-2-03", "x-forwarded-for": "6.6.6.6" },
    });
    assert.equal(answer.status, 201);
    assert.equal(answer.headers.get("x-answer"), "yes");
    assert.equal(answer.headers.get("x-hop"), null);
    assert.equal(answer.headers.get("via"), "1.1 fpzk");
    const seen = (await answer.json()) as { url: string; headers: Record<string, string> };
    assert.equal(seen.url, "/path?token=secret");
    assert.equal(seen.headers["traceparent"], "00-1-2-03");
    assert.equal(seen.headers["x-forwarded-for"], "127.0.0.1");
    assert.equal(seen.headers["x-forwarded-proto"], "http");
    assert.equal(seen.headers["host"], `127.0.0.1:${proxy.port}`);
    const entry = await nextEntry();
    assert.equal(entry.path, "/path", "the query is not logged");
    assert.deepEqual(
      [entry.statusCode, entry.instanceId, entry.attemptCount, entry.requestBodyBytes],
      [201, "a", 1, 5],
    );
    assert.equal(entry.outcome, "completed");
    assert.equal(directory.heldCount, 0, "released");
  });

  it("streams 50 MB each way without holding it", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const chunk = Buffer.alloc(64 * 1024, 7);
    const chunkCount = 800;
    const instance = await startInstance(t, async (request, response) => {
      response.writeHead(200);
      for await (const piece of request) {
        if (!response.write(piece)) await once(response, "drain");
      }
      response.end();
    });
    directory.set("echo", { id: "a", port: instance.port });
    const outgoing = httpRequest(`${proxy.url}/`, { method: "POST" });
    const answered = once(outgoing, "response") as Promise<[IncomingMessage]>;
    let sentBytes = 0;
    const sending = (async () => {
      for (let index = 0; index < chunkCount; index += 1) {
        sentBytes += chunk.length;
        if (!outgoing.write(chunk)) await once(outgoing, "drain");
      }
      outgoing.end();
    })();
    const [answer] = await answered;
    let receivedBytes = 0;
    let heldBytesMax = 0;
    for await (const piece of answer) {
      receivedBytes += (piece as Buffer).length;
      heldBytesMax = Math.max(heldBytesMax, sentBytes - receivedBytes);
    }
    await sending;
    assert.equal(receivedBytes, chunk.length * chunkCount);
    // What is on the way is in socket buffers: of the system and of four streams.
    assert.ok(heldBytesMax < 25 * 1024 * 1024, `held ${heldBytesMax} bytes`);
  });

  it("passes bodies of every size near that of a read, both ways, by length", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const instance = await startInstance(t, async (request, response) => {
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece as Buffer);
      const body = Buffer.concat(pieces);
      response.writeHead(200, { "content-length": body.length }).end(body);
    });
    directory.set("echo", { id: "a", port: instance.port });
    for (const sizeBytes of [16_384, 65_535, 65_536, 65_537, 131_072, 1_048_576, 5_000_000]) {
      const body = Buffer.alloc(sizeBytes, sizeBytes % 251);
      const answer = await fetch(`${proxy.url}/`, { method: "POST", body });
      assert.ok(body.equals(Buffer.from(await answer.arrayBuffer())), `${sizeBytes} bytes`);
    }
  });

  it("stops reading an instance whose caller does not read", async (t) => {
    const { proxy, directory, nextEntry } = await startFixture(t);
    let sentBytes = 0;
    const stalled = deferred<void>();
    const chunk = Buffer.alloc(256 * 1024);
    const instance = await startInstance(t, (_request, response) => {
      let quiet: NodeJS.Timeout | undefined;
      const push = (): void => {
        clearTimeout(quiet);
        while (sentBytes < 200 * 1024 * 1024) {
          sentBytes += chunk.length;
          if (!response.write(chunk)) break;
        }
        quiet = setTimeout(() => stalled.resolve(), 300);
      };
      response.on("drain", push);
      push();
    });
    directory.set("echo", { id: "a", port: instance.port });
    const socket = rawConnect(proxy.port);
    socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    socket.pause();
    await stalled.promise;
    assert.ok(sentBytes < 60 * 1024 * 1024, `took ${sentBytes} bytes`);
    socket.destroy();
    assert.equal((await nextEntry()).outcome, "aborted");
    assert.equal(directory.heldCount, 0);
  });

  it("stops reading a caller whose instance does not read", async (t) => {
    const { proxy, directory, nextEntry } = await startFixture(t);
    const instance = await startInstance(t, (request) => request.pause());
    directory.set("echo", { id: "a", port: instance.port });
    const outgoing = httpRequest(`${proxy.url}/`, { method: "POST" });
    outgoing.on("error", () => {});
    const chunk = Buffer.alloc(256 * 1024);
    let sentBytes = 0;
    for (;;) {
      sentBytes += chunk.length;
      assert.ok(sentBytes < 60 * 1024 * 1024, "the caller is never slowed");
      if (outgoing.write(chunk)) continue;
      const patience = new AbortController();
      const timer = setTimeout(() => patience.abort(), 300);
      const isStalled = await once(outgoing, "drain", { signal: patience.signal }).then(
        () => false,
        () => true,
      );
      clearTimeout(timer);
      if (isStalled) break;
    }
    const answered = once(outgoing, "response") as Promise<[IncomingMessage]>;
    instance.server.closeAllConnections();
    assert.equal((await answered)[0].statusCode, 502);
    outgoing.destroy();
    assert.ok((await nextEntry()).requestBodyBytes < sentBytes);
    assert.equal(directory.heldCount, 0);
  });

  it("passes trailers of an answer", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const instance = await startInstance(t, (_request, response) => {
      response.writeHead(200, { trailer: "grpc-status" });
      response.write("x");
      response.addTrailers({ "grpc-status": "0", "set-cookie": "a=b" });
      response.end();
    });
    directory.set("echo", { id: "a", port: instance.port });
    const outgoing = httpRequest(`${proxy.url}/`).end();
    const [answer] = (await once(outgoing, "response")) as [IncomingMessage];
    answer.resume();
    await once(answer, "end");
    assert.deepEqual({ ...answer.trailers }, { "grpc-status": "0" });
  });

  it("answers 100 Continue when an instance takes the request, and not before", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const head = "POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n";
    const refused = await rawExchange(proxy.port, `${head}\r\n`);
    assert.match(refused, /^HTTP\/1\.1 503 /);
    const instance = await startInstance(t, (request, response) => request.pipe(response));
    directory.set("echo", { id: "a", port: instance.port });
    const socket = rawConnect(proxy.port);
    socket.write(`${head}connection: close\r\n\r\n`);
    const [first] = (await once(socket, "data")) as [Buffer];
    assert.match(String(first), /^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    socket.write("ok");
    const rest = await readAll(socket);
    assert.match(rest, /^HTTP\/1\.1 200 OK/);
    assert.match(rest, /ok/);
  });

  it("answers HEAD and 204 without a body and keeps the connection", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const instance = await startInstance(t, (request, response) => {
      if (request.method === "HEAD") response.writeHead(200, { "content-length": "5" }).end();
      else response.writeHead(204).end();
    });
    directory.set("echo", { id: "a", port: instance.port });
    const text = await rawExchange(
      proxy.port,
      "HEAD / HTTP/1.1\r\nhost: x\r\n\r\nDELETE / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    );
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n(?:.+\r\n)*content-length: 5\r\n/i);
    assert.match(text, /HTTP\/1\.1 204 No Content\r\n/);
  });
});

describe("failures", () => {
  it("breaks off at the instance when the caller goes away", async (t) => {
    const { proxy, directory, nextEntry } = await startFixture(t);
    const broken = deferred<void>();
    const reached = deferred<void>();
    const instance = await startInstance(t, (_request, response) => {
      response.on("close", () => broken.resolve());
      reached.resolve();
    });
    directory.set("echo", { id: "a", port: instance.port });
    const abort = new AbortController();
    const call = fetch(`${proxy.url}/`, { signal: abort.signal });
    await reached.promise;
    abort.abort();
    await assert.rejects(call);
    await broken.promise;
    const entry = await nextEntry();
    assert.deepEqual([entry.outcome, entry.statusCode], ["aborted", 0]);
    assert.equal(directory.heldCount, 0);
  });

  it("breaks the answer off when the instance dies within it", async (t) => {
    const { proxy, directory, nextEntry } = await startFixture(t);
    const instance = await startInstance(t, (_request, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("half", () => response.socket?.destroy());
    });
    directory.set("echo", { id: "a", port: instance.port });
    const answer = await fetch(`${proxy.url}/`);
    assert.equal(answer.status, 200);
    await assert.rejects(answer.text());
    assert.equal((await nextEntry()).outcome, "failed");
    assert.equal(directory.heldCount, 0);
  });

  it("tries a refused GET on another instance", async (t) => {
    const { proxy, directory, entries } = await startFixture(t);
    const instance = await startInstance(t, (_request, response) => response.end("ok"));
    directory.set(
      "echo",
      { id: "a", port: await refusingPort() },
      { id: "b", port: instance.port },
    );
    for (let index = 0; index < 6; index += 1) {
      const answer = await fetch(`${proxy.url}/`);
      assert.equal(answer.status, 200);
      assert.equal(await answer.text(), "ok");
    }
    assert.ok(entries.some((entry) => entry.attemptCount === 2));
    assert.equal(directory.heldCount, 0);
    const metrics = await proxy.metrics.registry.metrics();
    assert.match(metrics, /proxy_ejections_total\{service="echo"\} 1/);
    assert.match(metrics, /proxy_requests_total\{route="\/\*",service="echo",code_class="2xx"\} 6/);
  });

  it("tries a GET again whose instance reset before it answered", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const dying = await startInstance(t, (request) => request.socket.destroy());
    const living = await startInstance(t, (_request, response) => response.end("ok"));
    directory.set("echo", { id: "a", port: dying.port }, { id: "b", port: living.port });
    const answers = await Promise.all([fetch(`${proxy.url}/`), fetch(`${proxy.url}/`)]);
    assert.deepEqual(
      answers.map((answer) => answer.status),
      [200, 200],
    );
  });

  it("never sends a POST twice", async (t) => {
    const { proxy, directory, nextEntry } = await startFixture(t);
    let callCount = 0;
    const dying = await startInstance(t, (request) => {
      callCount += 1;
      request.socket.destroy();
    });
    directory.set("echo", { id: "a", port: dying.port }, { id: "b", port: dying.port });
    const answer = await fetch(`${proxy.url}/`, { method: "POST", body: "x" });
    assert.equal(answer.status, 502);
    assert.equal(((await answer.json()) as ProblemBody).code, "unavailable");
    assert.equal(callCount, 1);
    assert.equal((await nextEntry()).attemptCount, 1);
  });

  it("asks another instance after 503 only when the route allows it", async (t) => {
    for (const isRetried of [true, false]) {
      const { proxy, directory } = await startFixture(t, {
        routes: [{ service: "echo", ...(isRetried ? { retryOn: ["503"] } : {}) }],
      });
      const busy = await startInstance(t, (_request, response) => {
        response.writeHead(503).end("busy");
      });
      const free = await startInstance(t, (_request, response) => response.end("ok"));
      directory.set("echo", { id: "a", port: busy.port }, { id: "b", port: free.port });
      assert.equal((await fetch(`${proxy.url}/`)).status, isRetried ? 200 : 503);
    }
  });

  it("stops retrying when the budget is spent", async (t) => {
    const { proxy, directory } = await startFixture(t, {
      retryBudget: { retryRatio: 0, retryPerSecondMin: 0 },
    });
    const instance = await startInstance(t, (_request, response) => response.end("ok"));
    directory.set(
      "echo",
      { id: "a", port: await refusingPort() },
      { id: "b", port: instance.port },
    );
    assert.equal((await fetch(`${proxy.url}/`)).status, 503);
    assert.match(await proxy.metrics.registry.metrics(), /proxy_retries_refused_total 1/);
  });

  it("answers 504 when the answer does not begin in time", async (t) => {
    const { proxy, directory } = await startFixture(t, {
      routes: [{ service: "echo", timeoutMs: 50 }],
    });
    const instance = await startInstance(t, () => {});
    directory.set("echo", { id: "a", port: instance.port });
    const answer = await fetch(`${proxy.url}/`);
    assert.equal(answer.status, 504);
    assert.equal(((await answer.json()) as ProblemBody).code, "deadline_exceeded");
    assert.equal(directory.heldCount, 0);
  });

  it("stops a request that goes round in circles", async (t) => {
    const { proxy, directory, entries } = await startFixture(t);
    directory.set("echo", { id: "itself", port: proxy.port });
    assert.equal((await fetch(`${proxy.url}/`)).status, 508);
    assert.equal(entries.length, 11);
  });

  const nonsense: readonly { name: string; text: string; status: number }[] = [
    {
      name: "two lengths",
      text: "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabc",
      status: 502,
    },
    {
      name: "a length and chunks",
      text: "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
      status: 502,
    },
    {
      name: "an upgrade that nobody asked for",
      text: "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nabc",
      status: 502,
    },
    { name: "no HTTP", text: "garbage\r\n\r\n", status: 502 },
    { name: "a control character", text: "HTTP/1.1 200 OK\r\nx: a\u0001b\r\n\r\n", status: 502 },
    { name: "nothing", text: "", status: 502 },
    {
      name: "a header section above the limit",
      text: `HTTP/1.1 200 OK\r\nx: ${"a".repeat(40_000)}\r\ncontent-length: 0\r\n\r\n`,
      status: 502,
    },
    {
      name: "wrong hints before its answer",
      text: "HTTP/1.1 103 Early Hints\r\nlink: ><\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
      status: 200,
    },
    {
      name: "more than its length",
      text: "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\nextra",
      status: 200,
    },
  ];
  for (const { name, text, status } of nonsense) {
    it(`survives an instance that answers ${name}`, async (t) => {
      const { proxy, directory } = await startFixture(t, {
        routes: [{ service: "echo", retryCount: 0 }],
      });
      const instance = await startInstance(t, (request) => request.socket.end(text, "latin1"));
      directory.set("echo", { id: "a", port: instance.port });
      const answer = await rawExchange(
        proxy.port,
        "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
      );
      assert.match(answer, new RegExp(`(^|\r\n\r\n)HTTP/1\\.1 ${status} `));
      assert.doesNotMatch(answer, /extra|abc/);
      assert.equal(directory.heldCount, 0);
    });
  }
});

describe("discovery", () => {
  it("refuses at once what it does not know, and says why", async (t) => {
    const { proxy, directory } = await startFixture(t, {
      routes: [
        { service: "empty", pathPrefix: "/empty" },
        { service: "late", pathPrefix: "/late" },
      ],
    });
    directory.incomplete.add("late");
    const cases: [string, number, string, RegExp][] = [
      ["/empty", 503, "unavailable", /has no instance/],
      ["/late", 503, "unavailable", /not known yet/],
      ["/other", 404, "not_found", /no route/],
      ["/emptyish", 404, "not_found", /no route/],
    ];
    for (const [path, status, code, detail] of cases) {
      const answer = await fetch(proxy.url + path);
      const body = (await answer.json()) as ProblemBody;
      assert.equal(answer.status, status);
      assert.equal(answer.headers.get("content-type"), "application/problem+json");
      assert.equal(body.code, code);
      assert.match(body.detail, detail);
    }
  });

  it("reaches any service in dynamic mode, by policy and key", async (t) => {
    const { proxy, directory } = await startFixture(t, { routes: [], isDynamic: true });
    const instance = await startInstance(t, (request, response) => response.end(request.url));
    directory.set("orders", { id: "a", port: instance.port });
    const headers = { "x-fpzk-policy": "rendezvous", "x-fpzk-key": "k1" };
    const answer = await fetch(`${proxy.url}/orders/v1/list?x=1`, { headers });
    assert.equal(await answer.text(), "/v1/list?x=1");
    assert.deepEqual(directory.requests, [
      { service: "orders", namespace: "", policy: "rendezvous" },
    ]);
    assert.deepEqual(directory.pickedKeys, ["k1"]);
    const wrong = await fetch(`${proxy.url}/orders/`, { headers: { "x-fpzk-policy": "best" } });
    assert.equal(wrong.status, 400);
    assert.equal((await fetch(`${proxy.url}/nobody/`)).status, 503);
    const metrics = await proxy.metrics.registry.metrics();
    assert.match(metrics, /service="unknown",code_class="5xx"/);
    assert.doesNotMatch(metrics, /nobody/);
  });

  it("refuses wrong options with all their faults", async (t) => {
    const { directory } = await startFixture(t);
    const routes = [{ service: "", pathPrefix: "x" }];
    await assert.rejects(startProxy({ port: 70_000, directory, routes }), (error) => {
      assert.ok(error instanceof RegistryError);
      assert.equal(error.code, "invalid_argument");
      assert.match(error.message, /pathPrefix.*service.*port 70000/);
      return true;
    });
  });
});

describe("drain", () => {
  it("finishes what is in work, closes connections, then refuses", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const reached = deferred<() => void>();
    const instance = await startInstance(t, (_request, response) => {
      reached.resolve(() => response.end("done"));
    });
    directory.set("echo", { id: "a", port: instance.port });
    const call = fetch(`${proxy.url}/`);
    const answer = await reached.promise;
    const closed = proxy.close({ drainMs: 30_000 });
    await assert.rejects(fetch(`${proxy.url}/`), "no new connection");
    answer();
    const response = await call;
    assert.equal(await response.text(), "done");
    assert.equal(response.headers.get("connection"), "close");
    await closed;
    assert.equal(directory.openCount, 0);
  });

  it("serves a request that was on its way as the drain began, and closes after it", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const instance = await startInstance(t, (_request, response) => response.end("done"));
    directory.set("echo", { id: "a", port: instance.port });
    const { url } = proxy;
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    assert.equal((await ask(url, agent)).headers.connection, undefined);
    const closed = proxy.close({ drainMs: 30_000 });
    await assert.rejects(fetch(`${url}/`), "no new connection");
    const second = await ask(url, agent);
    assert.deepEqual([second.statusCode, second.headers.connection], [200, "close"]);
    // The only connection is closed: nothing is waited for any more.
    await closed;
  });

  it("breaks off what does not finish in time", async (t) => {
    const { proxy, directory, nextEntry } = await startFixture(t);
    const reached = deferred<void>();
    const instance = await startInstance(t, () => reached.resolve());
    directory.set("echo", { id: "a", port: instance.port });
    const call = fetch(`${proxy.url}/`);
    const failed = assert.rejects(call);
    await reached.promise;
    await proxy.close({ drainMs: 20 });
    await failed;
    assert.equal((await nextEntry()).outcome, "aborted");
    assert.equal(directory.heldCount, 0);
  });

  it("serves its admin listener", async (t) => {
    const { proxy } = await startFixture(t, { admin: { port: 0 } });
    const base = `http://127.0.0.1:${proxy.adminPort}`;
    assert.equal((await fetch(`${base}/healthz`)).status, 200);
    assert.equal((await fetch(`${base}/readyz`)).status, 200);
    assert.match(await (await fetch(`${base}/metrics`)).text(), /proxy_requests_active 0/);
    assert.equal((await fetch(`${base}/other`)).status, 404);
  });
});

/** A whole answer, by connections that are kept. */
async function ask(url: string, agent: Agent): Promise<IncomingMessage> {
  const [answer] = (await once(httpRequest(url, { agent }).end(), "response")) as [IncomingMessage];
  for await (const _part of answer);
  return answer;
}
