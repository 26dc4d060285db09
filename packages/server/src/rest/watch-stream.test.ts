import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { FastifyInstance } from "fastify";
import { member } from "./fake-port.test.support.js";
import { createFixture } from "./rest-fixture.test.support.js";
import { type Line, listen, WatchReader } from "./watch-reader.test.support.js";

const CART = "/v1/services/cart";
const WATCH = `${CART}/watch`;
const opened: FastifyInstance[] = [];

after(async () => {
  for (const app of opened) await app.close();
});

async function serve(options: Parameters<typeof createFixture>[0] = {}) {
  const fixture = await createFixture(options);
  opened.push(fixture.app);
  return { ...fixture, httpPort: await listen(fixture.app) };
}

const types = (lines: readonly Line[]) => lines.map(({ type }) => type);

test("streams a snapshot, its completeness mark, then changes", async () => {
  const { call, httpPort } = await serve();
  for (const id of ["b", "a"]) await call("PUT", `${CART}/instances/${id}`, {});
  const reader = (await WatchReader.open(httpPort, WATCH)).start();
  assert.equal(reader.response.headers["content-type"], "application/x-ndjson");
  const first = await reader.until("complete");
  assert.deepEqual(types(first), ["instance", "instance", "complete"]);
  assert.deepEqual([first[0].instance.id, first[1].instance.id], ["a", "b"]);
  assert.deepEqual([first[2].kind, first[2].instanceCount, first[2].isBehind], ["full", 2, false]);
  assert.equal(first[2].digest, (await call("GET", CART)).json.digest);
  await call("PUT", `${CART}/instances/c`, { weight: 3 });
  const added = await reader.next();
  assert.deepEqual([added.type, added.instance.id, added.instance.weight], ["changed", "c", 3]);
  await call("PUT", `${CART}/instances/c/override`, { state: "offline" });
  assert.equal((await reader.next()).instance.state, "offline");
  await call("DELETE", `${CART}/instances/a`);
  const removed = await reader.next();
  assert.deepEqual([removed.type, removed.id, removed.reason], ["removed", "a", "deregistered"]);
  assert.ok(removed.resume.length > 0);
  reader.close();
});

test("speaks server-sent events when asked to", async () => {
  const { call, httpPort } = await serve();
  await call("PUT", `${CART}/instances/a`, {});
  const accept = { accept: "text/event-stream" };
  const reader = (await WatchReader.open(httpPort, WATCH, accept)).start();
  assert.equal(reader.response.headers["content-type"], "text/event-stream");
  const [, complete] = await reader.until("complete");
  assert.match(
    reader.text,
    /^retry: \d+\n\nevent: instance\ndata: \{.*\}\n\nevent: complete\nid: /,
  );
  reader.close();
  await call("PUT", `${CART}/instances/b`, {});
  const again = (
    await WatchReader.open(httpPort, WATCH, { ...accept, "last-event-id": complete.resume })
  ).start();
  const lines = await again.until("complete");
  assert.deepEqual(types(lines), ["changed", "complete"]);
  assert.equal(lines[0].instance.id, "b");
  again.close();
});

test("resumes with nothing, with what is new, or with everything", async () => {
  const { call, port, httpPort } = await serve();
  for (const id of ["a", "b"]) await call("PUT", `${CART}/instances/${id}`, {});
  const resumeFrom = async (token: string) => {
    const reader = (await WatchReader.open(httpPort, `${WATCH}?resume=${token}`)).start();
    return { reader, lines: await reader.until("complete") };
  };
  const { resume } = (await call("GET", CART)).json;
  const same = await resumeFrom(resume);
  assert.deepEqual(types(same.lines), ["complete"]);
  assert.equal(same.lines[0].kind, "unchanged");
  // An override names an instance that this view never received.
  await call("PUT", `${CART}/instances/a/override`, { weight: 7 });
  const heavier = await same.reader.next();
  assert.deepEqual(
    [heavier.type, heavier.instance.id, heavier.instance.weight],
    ["changed", "a", 7],
  );
  await call("DELETE", `${CART}/instances/b`);
  assert.equal((await same.reader.next()).type, "removed");
  same.reader.close();

  const delta = await resumeFrom(resume);
  assert.deepEqual(types(delta.lines).sort(), ["changed", "complete", "removed"]);
  assert.equal(delta.lines.at(-1).kind, "delta");
  delta.reader.close();

  port.watermark = 1_000;
  const full = await resumeFrom(resume);
  assert.deepEqual(types(full.lines), ["instance", "complete"]);
  assert.deepEqual([full.lines[1].kind, full.lines[1].isBehind], ["full", false]);
  full.reader.close();
});

test("says when the answering node has seen less than the reader", async () => {
  const ahead = await serve();
  for (const id of ["a", "b", "c"]) await ahead.call("PUT", `${CART}/instances/${id}`, {});
  const { resume } = (await ahead.call("GET", CART)).json;
  const behind = await serve();
  behind.port.watermark = 1_000;
  await behind.call("PUT", `${CART}/instances/a`, {});
  const reader = (await WatchReader.open(behind.httpPort, `${WATCH}?resume=${resume}`)).start();
  const lines = await reader.until("complete");
  assert.deepEqual(types(lines), ["instance", "complete"]);
  assert.equal(lines[1].isBehind, true);
  reader.close();
});

test("refuses tokens that no node made", async () => {
  const { call } = await createFixture();
  const forged = Buffer.from('[1,0,0,[["",1,0,1]]]').toString("base64url");
  for (const token of ["x", "%00", forged, "A".repeat(9_000)]) {
    const answer = await call("GET", `${WATCH}?resume=${token}`);
    assert.deepEqual([answer.status, answer.json.code], [400, "invalid_argument"], token);
    assert.equal(answer.json.errors[0].path, "query/resume");
  }
});

test("tells when an owner's node is lost", async () => {
  const { call, port, httpPort } = await serve();
  await call("PUT", `${CART}/instances/a`, {});
  const reader = (await WatchReader.open(httpPort, WATCH)).start();
  await reader.until("complete");
  port.setMembers([member("dead")]);
  assert.equal((await reader.next()).instance.liveness, "orphaned");
  port.setMembers([member("unreachable")]);
  assert.equal((await reader.next()).instance.liveness, "unreachable");
  reader.close();
});

test("a reader that stops is paused, keeps no more than its view, and catches up", async () => {
  const { call, port, httpPort } = await serve();
  const metadata = { blob: "x".repeat(14_000) };
  const instanceCount = 40;
  const roundCount = 30;
  const registerAll = async (weight: number) => {
    for (let index = 0; index < instanceCount; index += 1) {
      await call("PUT", `${CART}/instances/${index}`, { weight, metadata });
    }
  };
  await registerAll(0);
  const reader = await WatchReader.open(httpPort, WATCH);
  // 16 MB of changes: more than the two sockets hold.
  for (let round = 1; round <= roundCount; round += 1) await registerAll(round);
  assert.ok(port.pauseCount >= 1, "the port was paused");
  const pausedWatch = [...port.watches][0];
  assert.ok(pausedWatch?.isPaused);
  reader.start();
  const latest = new Map<string, number>();
  while ([...latest.values()].filter((weight) => weight === roundCount).length < instanceCount) {
    const line = await reader.next();
    assert.ok(line !== undefined, "the stream goes on");
    if (line.instance !== undefined) latest.set(line.instance.id, line.instance.weight);
  }
  assert.ok(port.resumeCount >= 1, "the port was resumed");
  assert.ok(
    reader.lines.length < instanceCount * roundCount,
    `${reader.lines.length} lines: changes were merged`,
  );
  reader.close();
});

test("a reader that takes nothing for long is cut off", async () => {
  const { call, port, httpPort } = await serve({ stalledReaderMs: 50 });
  const metadata = { blob: "x".repeat(15_000) };
  const reader = await WatchReader.open(httpPort, WATCH);
  const [watch] = port.watches;
  assert.ok(watch);
  for (let index = 0; index < 1_000; index += 1) {
    await call("PUT", `${CART}/instances/${index}`, { metadata });
    if (watch.isPaused) break;
  }
  assert.ok(watch.isPaused);
  await port.idle();
  reader.close();
});

test("a reader that goes away frees its watch", async () => {
  const { port, httpPort } = await serve({ watchCountMax: 1 });
  const reader = (await WatchReader.open(httpPort, WATCH)).start();
  await reader.until("complete");
  const full = (await WatchReader.open(httpPort, WATCH)).start();
  assert.equal(full.response.statusCode, 429);
  reader.close();
  await port.idle();
  const next = (await WatchReader.open(httpPort, WATCH)).start();
  assert.equal(next.response.statusCode, 200);
  next.close();
});

test("gives signs of life in both forms", async () => {
  const { httpPort } = await serve({ keepAliveIntervalMs: 5 });
  const lines = (await WatchReader.open(httpPort, WATCH)).start();
  assert.equal((await lines.until("alive")).at(-1).type, "alive");
  lines.close();
  const events = (await WatchReader.open(httpPort, WATCH, { accept: "text/event-stream" })).start();
  while (!events.text.includes("\n: alive\n\n")) {
    await new Promise((resolve) => events.response.once("data", resolve));
  }
  events.close();
});

test("waits while the node warms up, and ends with the server", async () => {
  const { app, port, httpPort } = await serve();
  port.isReady = false;
  const reader = (await WatchReader.open(httpPort, WATCH)).start();
  assert.equal(reader.response.statusCode, 200);
  assert.equal(reader.lines.length, 0);
  await app.close();
  const end = await reader.next();
  assert.deepEqual([end.type, end.code], ["end", "unavailable"]);
  assert.equal(await reader.next(), undefined);
  assert.equal(port.watches.size, 0);
});

test("a refusal by the port is a problem before the stream, an end within it", async () => {
  const { call, port, httpPort } = await serve();
  const watch = port.watch.bind(port);
  const refused = {
    type: "refused",
    requestId: 1,
    code: "resource_exhausted",
    message: "full",
  } as const;
  port.watch = (...args) => {
    const running = watch(...args);
    args[4](refused);
    return running;
  };
  const early = await call("GET", WATCH);
  assert.deepEqual(
    [early.status, early.json.code, early.json.detail],
    [429, "resource_exhausted", "full"],
  );
  port.watch = watch;
  const reader = (await WatchReader.open(httpPort, WATCH)).start();
  await reader.until("complete");
  for (const running of port.watches) running.listener(refused);
  const end = await reader.next();
  assert.deepEqual([end.type, end.code, end.reason], ["end", "resource_exhausted", "full"]);
});
