/** Callers of HTTP/2, with node's client and with curl. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionRequestOptions,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2";
import { describe, it, type TestContext } from "node:test";
import { promisify } from "node:util";
import {
  deferred,
  rawConnect,
  readAll,
  startFixture,
  startInstance,
} from "../proxy-fixture.test.util.js";

function open(t: TestContext, url: string, options = {}): ClientHttp2Session {
  const session = connect(url, options);
  session.on("error", () => {});
  t.after(() => session.destroy());
  return session;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly trailers: IncomingHttpHeaders;
}

async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  let trailers: IncomingHttpHeaders = {};
  stream.on("trailers", (received) => {
    trailers = received;
  });
  const [headers] = (await once(stream, "response")) as [IncomingHttpHeaders];
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  return { status: Number(headers[":status"]), headers, text, trailers };
}

function ask(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string,
  options?: ClientSessionRequestOptions,
): Promise<Answer> {
  const stream = session.request(headers, { endStream: body === undefined, ...options });
  if (body !== undefined) stream.end(body);
  return answerOf(stream);
}

const run = promisify(execFile);

/** Skips the test where the program is not there, unless REQUIRE_PROGRAMS is set: CI sets it. */
async function hasProgram(t: TestContext, name: string, version: RegExp): Promise<boolean> {
  const said = await run(name, ["--version"]).then(
    ({ stdout }) => stdout,
    () => "",
  );
  if (version.test(said)) return true;
  const hint = `no ${name} here that says ${version}`;
  assert.equal(process.env["REQUIRE_PROGRAMS"] ?? "", "", hint);
  t.skip(hint);
  return false;
}

describe("callers of HTTP/2", () => {
  it("pass requests, bodies, and trailers both ways", async (t) => {
    const { proxy, directory, nextEntry } = await startFixture(t);
    const instance = await startInstance(t, async (request, response) => {
      let body = "";
      for await (const chunk of request) body += String(chunk);
      response.writeHead(200, { trailer: "x-sum", "set-cookie": ["a=1", "b=2"] });
      response.write(`${request.method} ${request.headers.host} ${request.headers.cookie} ${body}`);
      response.addTrailers({ "x-sum": `${request.trailers["x-in"]} ${request.headers.via}` });
      response.end();
    });
    directory.set("echo", { id: "a", port: instance.port });
    const session = open(t, proxy.url);
    const stream = session.request(
      { ":method": "POST", ":authority": "shop.test", cookie: ["k=1", "l=2"] },
      { waitForTrailers: true },
    );
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-in": "in", authorization: "no" }));
    stream.end("hello");
    const { status, headers, text, trailers } = await answerOf(stream);
    assert.deepEqual([status, text], [200, "POST shop.test k=1; l=2 hello"]);
    assert.equal(trailers["x-sum"], "in 2 fpzk");
    assert.deepEqual(headers["set-cookie"], ["a=1", "b=2"]);
    const entry = await nextEntry();
    assert.deepEqual([entry.outcome, entry.statusCode], ["completed", 200]);
    assert.equal(directory.heldCount, 0);
  });

  it("are served many at once by one connection, in any order", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const first = deferred<void>();
    const instance = await startInstance(t, (request, response) => {
      if (request.url === "/0") void first.promise.then(() => response.end("0"));
      else response.end(request.url?.slice(1));
    });
    directory.set("echo", { id: "a", port: instance.port });
    const session = open(t, proxy.url);
    const all = Array.from({ length: 20 }, (_, index) => ask(session, { ":path": `/${index}` }));
    await Promise.all(all.slice(1));
    first.resolve();
    const texts = (await Promise.all(all)).map(({ text }) => text);
    assert.deepEqual(
      texts,
      Array.from({ length: 20 }, (_, index) => String(index)),
    );
  });

  it("hold a slow reader's instance back, and the other way", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const totalBytes = 16 * 1_024 * 1_024;
    let sentBytes = 0;
    const instance = await startInstance(t, (_request, response) => {
      const chunk = Buffer.alloc(65_536);
      const send = (): void => {
        while (sentBytes < totalBytes) {
          sentBytes += chunk.length;
          if (!response.write(chunk)) {
            response.once("drain", send);
            return;
          }
        }
        response.end();
      };
      send();
    });
    directory.set("echo", { id: "a", port: instance.port });
    const session = open(t, proxy.url);
    const stream = session.request({ ":path": "/" });
    stream.pause();
    await once(stream, "response");
    let before = -1;
    // It stands still once every buffer between the two is full.
    while (before !== sentBytes) {
      before = sentBytes;
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    assert.ok(sentBytes < totalBytes, `the instance could send all ${sentBytes} bytes`);
    let receivedBytes = 0;
    for await (const chunk of stream) receivedBytes += (chunk as Buffer).length;
    assert.equal(receivedBytes, totalBytes);
  });

  it("get a problem of the proxy as a document, and of gRPC as its status", async (t) => {
    const { proxy } = await startFixture(t);
    const session = open(t, proxy.url);
    const plain = await ask(session, { ":path": "/" });
    assert.equal(plain.status, 503);
    assert.match(plain.text, /"code":"unavailable"/);
    const grpc = { ":method": "POST", ":path": "/a.B/c", "content-type": "application/grpc" };
    const failed = await ask(session, grpc, "body");
    assert.equal(failed.status, 200);
    assert.equal(failed.headers["grpc-status"], "14");
    assert.match(String(failed.headers["grpc-message"]), /has no instance/);
  });

  it("are refused what would mean something else in HTTP/1.1", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const passed: string[] = [];
    const instance = await startInstance(t, (request, response) => {
      passed.push(request.url ?? "");
      response.end("served");
    });
    directory.set("echo", { id: "a", port: instance.port });
    const session = open(t, proxy.url);
    const refused: [OutgoingHttpHeaders, number | "reset"][] = [
      [{ ":path": "/a b" }, "reset"],
      [{ ":path": "/a#b" }, 400],
      [{ ":path": "/", ":authority": "a@b" }, 400],
      [{ ":path": "/", ":authority": "a", host: "b" }, 400],
      [{ ":path": "/", expect: "coffee" }, 417],
      [{ ":path": "/../x" }, 400],
    ];
    for (const [headers, expected] of refused) {
      const outcome = await ask(session, headers).then(
        ({ status }) => status,
        (error: unknown) => (/PROTOCOL_ERROR/.test(String(error)) ? "reset" : error),
      );
      // What nghttp2 knows to be malformed it resets itself: the more, the newer Node is.
      if (outcome !== "reset") assert.equal(outcome, expected, JSON.stringify(headers));
    }
    assert.equal((await ask(session, { ":path": "/whole" })).text, "served");
    assert.deepEqual(passed, ["/whole"]);
  });

  it("lose only the stream that its instance broke off", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const instance = await startInstance(t, (request, response) => {
      if (request.url === "/whole") response.end("whole");
      else {
        response.write("begun");
        setImmediate(() => response.destroy());
      }
    });
    directory.set("echo", { id: "a", port: instance.port });
    const session = open(t, proxy.url);
    const broken = session.request({ ":path": "/broken" });
    broken.resume();
    await assert.rejects(once(broken, "end"), /INTERNAL_ERROR/);
    assert.equal((await ask(session, { ":path": "/whole" })).text, "whole");
  });

  it("who break a body off have it broken off at the instance", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const begun = deferred<void>();
    const ended = deferred<string>();
    const instance = await startInstance(t, (request) => {
      request.once("data", () => begun.resolve());
      request.once("end", () => ended.resolve("whole"));
      request.once("error", () => ended.resolve("broken"));
    });
    directory.set("echo", { id: "a", port: instance.port });
    const stream = open(t, proxy.url).request({ ":method": "POST", ":path": "/" });
    stream.on("error", () => {});
    stream.write("half");
    await begun.promise;
    stream.destroy(new Error("gone"));
    assert.equal(await ended.promise, "broken");
  });

  it("who end their side of the connection are gone, also while nothing moves", async (t) => {
    const { proxy, directory, nextEntry } = await startFixture(t);
    const silent = deferred<void>();
    const instance = await startInstance(t, (_request, response) => {
      response.write("begun");
      response.on("close", () => silent.resolve());
    });
    directory.set("echo", { id: "a", port: instance.port });
    const socket = rawConnect(proxy.port);
    const stream = open(t, proxy.url, { createConnection: () => socket }).request({ ":path": "/" });
    stream.on("error", () => {});
    await once(stream, "data");
    socket.end();
    await silent.promise;
    assert.equal((await nextEntry()).outcome, "aborted");
  });

  it("who reset stream after stream are cut off", async (t) => {
    const { proxy, directory } = await startFixture(t, { limits: { resetsPerSecondMax: 20 } });
    const instance = await startInstance(t, () => {});
    directory.set("echo", { id: "a", port: instance.port });
    const session = open(t, proxy.url);
    const goaway = once(session, "goaway") as Promise<[number]>;
    await once(session, "connect");
    const interval = setInterval(() => {
      for (let index = 0; index < 50 && !session.closed && !session.destroyed; index += 1) {
        const stream = session.request({ ":path": "/" });
        stream.on("error", () => {});
        stream.close(constants.NGHTTP2_CANCEL);
      }
    }, 10);
    t.after(() => clearInterval(interval));
    const [code] = await goaway;
    clearInterval(interval);
    assert.equal(code, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    // Others go on.
    const other = open(t, proxy.url);
    await once(other, "remoteSettings");
  });

  it("are told the limit of streams, and refused above it", async (t) => {
    const { proxy, directory } = await startFixture(t, { limits: { streamCountMax: 3 } });
    const instance = await startInstance(t, () => {});
    directory.set("echo", { id: "a", port: instance.port });
    const session = open(t, proxy.url);
    const [settings] = (await once(session, "remoteSettings")) as [
      { maxConcurrentStreams: number; maxHeaderListSize: number },
    ];
    assert.equal(settings.maxConcurrentStreams, 3);
    assert.equal(settings.maxHeaderListSize, 16_384);
  });

  it("see the end coming at a drain, and lose nothing", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const hold = deferred<void>();
    const arrived = deferred<void>();
    const instance = await startInstance(t, (_request, response) => {
      arrived.resolve();
      void hold.promise.then(() => response.end("whole"));
    });
    directory.set("echo", { id: "a", port: instance.port });
    const session = open(t, proxy.url);
    const goaway = once(session, "goaway");
    const inWork = ask(session, { ":path": "/" });
    await arrived.promise;
    const closing = proxy.close({ drainMs: 10_000 });
    await goaway;
    hold.resolve();
    assert.equal((await inWork).text, "whole");
    // Node's client closes once it is told; the proxy ends at once then, not after its grace.
    await closing;
    assert.equal(proxy.activeCount, 0);
  });

  it("know at once that nobody looked at what crossed the GOAWAY", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const instance = await startInstance(t, (_request, response) => response.end("ok"));
    directory.set("echo", { id: "a", port: instance.port });
    const session = open(t, proxy.url);
    assert.equal((await ask(session, { ":path": "/" })).text, "ok");
    let isClosed = false;
    const closing = proxy.close({ drainMs: 10_000 }).then(() => {
      isClosed = true;
    });
    // In one process, and in one turn of its loop: this cannot know of the GOAWAY yet.
    const crossing = session.request({ ":path": "/" });
    await assert.rejects(once(crossing, "close"), /REFUSED_STREAM/);
    assert.equal(crossing.rstCode, constants.NGHTTP2_REFUSED_STREAM);
    assert.equal(isClosed, false, "told by the GOAWAY, not by the end of the connection");
    await closing;
  });

  it("are served when their connection says its first word during a drain", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const instance = await startInstance(t, (_request, response) => response.end("ok"));
    directory.set("echo", { id: "a", port: instance.port });
    const socket = rawConnect(proxy.port);
    while (proxy.diagnostics().connections.http1 === 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    const closing = proxy.close({ drainMs: 10_000 });
    const session = open(t, proxy.url, { createConnection: () => socket });
    // A stream that crosses a GOAWAY is sent once more, and not twice (gRPC's transparent retry).
    for (let index = 0; index < 3; index += 1) {
      assert.equal((await ask(session, { ":path": "/" })).text, "ok");
    }
    session.close();
    await closing;
  });

  it("are told from HTTP/1.1 however the first bytes arrive", async (t) => {
    const { proxy } = await startFixture(t);
    const socket = rawConnect(proxy.port);
    const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    const bytes = Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), settings]);
    for (const byte of bytes) {
      socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const [received] = (await once(socket, "data")) as [Buffer];
    // A SETTINGS frame.
    assert.equal(received[3], 4);
    socket.destroy();
    const late = rawConnect(proxy.port);
    late.write("GET / HTTP/1.1\r\nhost: x\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    const text = await readAll(late);
    assert.match(text, /^HTTP\/1\.1 503 [\s\S]*HTTP\/1\.1 505 /);
  });

  it("may be curl, by prior knowledge", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const instance = await startInstance(t, (request, response) => {
      request.pipe(response);
    });
    directory.set("echo", { id: "a", port: instance.port });
    if (!(await hasProgram(t, "curl", /HTTP2/))) return;
    const flags = ["-sS", "--http2-prior-knowledge", "-d", "ping", "-w", " %{http_version}"];
    const { stdout } = await run("curl", [...flags, `${proxy.url}/x`]);
    assert.equal(stdout, "ping 2");
  });

  it("may be h2load, with many streams on few connections", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const instance = await startInstance(t, (_request, response) => response.end("hello"));
    directory.set("echo", { id: "a", port: instance.port });
    if (!(await hasProgram(t, "h2load", /nghttp2/))) return;
    const { stdout } = await run("h2load", ["-n", "500", "-c", "4", "-m", "25", `${proxy.url}/`]);
    assert.match(stdout, /500 succeeded, 0 failed, 0 errored/);
  });
});
