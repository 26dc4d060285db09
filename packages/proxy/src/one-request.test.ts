/**
 * What the proxy accepts is one request to a second, independent reader too: Node's own parser,
 * behind the proxy, sees as many requests as the proxy answered, with the bodies that were sent.
 */
import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { rawExchange, startFixture, startInstance } from "./proxy-fixture.test.util.js";

const RUN_COUNT = 150;

const NAMES = [
  ...[
    "X-A",
    "content-length",
    "Transfer-Encoding",
    "Connection",
    "Host",
    "TE",
    "Upgrade",
    "Trailer",
  ],
  ...["Expect", "transfer-encoding ", "Content_Length", "x\u0000", "Cookie", "Keep-Alive", "Via"],
];
const VALUES = [
  ...["", "0", "3", "4", "chunked", "gzip, chunked", "close", "x, content-length", "a\u00e9b"],
  ...["trailers", "websocket", "100-continue", " 3", "3, 3", "a\rb", "a\nb: c", "\u0001"],
];
const field = fc
  .tuple(fc.constantFrom(...NAMES), fc.constantFrom(...VALUES))
  .map(([name, value]) => `${name}: ${value}\r\n`);
const body = fc.oneof(
  fc.constant(""),
  fc.constant("abc"),
  fc.constant("3\r\nabc\r\n0\r\n\r\n"),
  fc.constant("3;x=y\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"),
  fc.constant("GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"),
  fc.constant("0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"),
);
const request = fc
  .record({
    method: fc.constantFrom("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"),
    target: fc.constantFrom("/", "/a?b=c", "http://h/a", "/%2f", "*", "/a b", "//x"),
    version: fc.constantFrom("HTTP/1.1", "HTTP/1.1", "HTTP/1.0"),
    fields: fc.array(field, { maxLength: 4 }),
    body,
  })
  .map(
    ({ method, target, version, fields, body: rest }) =>
      `${method} ${target} ${version}\r\nHost: x\r\n${fields.join("")}\r\n${rest}`,
  );

it("passes on exactly the requests that it answers, each with its body", async (t) => {
  const { proxy, directory } = await startFixture(t, {
    routes: [{ service: "echo", retryCount: 0 }],
    limits: { idleTimeoutMs: 100, headerTimeoutMs: 100 },
    outlier: { maxEjectionPercent: 0 },
  });
  let sent = "";
  let seenCount = 0;
  const faults: string[] = [];
  const instance = await startInstance(t, (incoming, response) => {
    let text = "";
    incoming.on("error", () => {});
    incoming.on("data", (chunk) => {
      text += String(chunk);
    });
    incoming.on("end", () => {
      seenCount += 1;
      // By length it is a part of what was sent, by chunks one without their frames.
      if (!sent.includes(text)) faults.push(text);
      response.end("seen");
    });
  });
  instance.server.on("clientError", (error, socket) => {
    // The caller may break off within a body; all else would be the proxy's own fault.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ECONNRESET" && code !== "HPE_INVALID_EOF_STATE") faults.push(String(code));
    socket.destroy();
  });
  directory.set("echo", { id: "a", port: instance.port });
  let acceptedCount = 0;
  const sendAll = async (text: string): Promise<void> => {
    sent = text;
    seenCount = 0;
    faults.length = 0;
    const answers = await rawExchange(proxy.port, text);
    const answeredCount = answers.match(/HTTP\/1\.[01] 200 OK/g)?.length ?? 0;
    assert.equal(seenCount, answeredCount, JSON.stringify(text));
    assert.deepEqual(faults, [], JSON.stringify(text));
    acceptedCount += answeredCount;
  };
  await fc.assert(
    fc.asyncProperty(request, (text) => sendAll(text)),
    { numRuns: RUN_COUNT },
  );
  assert.ok(acceptedCount > 0);
});
