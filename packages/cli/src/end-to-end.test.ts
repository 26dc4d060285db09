import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { freePort, killRunning, type RunningProcess, startFpzk } from "./testing/process.js";

after(killRunning);

/** A program that serves, and says on standard output what happens to it. */
const PROGRAM = `
  const server = require("node:http").createServer((_, response) => response.end("hello"));
  server.listen(Number(process.env.PORT), "127.0.0.1");
  process.on("SIGTERM", () => { console.log("program got SIGTERM"); process.exit(7); });
  process.on("SIGHUP", () => console.log("program got SIGHUP"));
  process.on("SIGUSR2", () => process.exit(9));
  console.log("program is " + process.pid);
`;

async function withServer(
  args: readonly string[],
  use: (address: string, server: RunningProcess) => Promise<void>,
): Promise<void> {
  const server = startFpzk(["server", "--port", "0", "--log", "json", ...args]);
  try {
    const [, address = ""] = await server.seen(
      "stderr",
      /"address":"([^"]+)".*"event":"server.ready"/,
    );
    await use(address, server);
  } finally {
    server.process.kill("SIGTERM");
    await server.ended;
  }
}

async function fpzk(address: string, ...args: string[]) {
  const running = startFpzk([...args, "--server", address]);
  const exitCode = await running.ended;
  return { exitCode, ...running.output };
}

function register(address: string, port: number, ...options: string[]) {
  const words = ["register", "--service", "hello", "--port", String(port), "--server", address];
  words.push("--linger", "10ms");
  return startFpzk([...words, ...options, "--", process.execPath, "-e", PROGRAM]);
}

test("a server greets people, serves at once, and ends well", async () => {
  const port = await freePort();
  const server = startFpzk(["server", "--port", String(port), "--log", "pretty"]);
  await server.seen("stdout", /FPZKServer is ready at http:\/\/127\.0\.0\.1:\d+\n/);
  const nodes = await fpzk(`127.0.0.1:${port}`, "nodes");
  assert.equal(nodes.exitCode, 0, nodes.stderr);
  assert.match(nodes.stdout, /alive/);
  server.process.kill("SIGINT");
  assert.equal(await server.ended, 0);
  assert.match(server.output.stderr, /info {2}server\.stopped/);
});

test("a second server on the port says what is wrong", async () => {
  await withServer([], async (address) => {
    const [, port = ""] = address.split(":");
    const second = startFpzk(["server", "--port", port]);
    assert.equal(await second.ended, 1);
    assert.match(second.output.stderr, /^fpzk: 127\.0\.0\.1:\d+ is in use by another program/m);
  });
});

test("a command is registered while it lives, drained on SIGTERM, and gives its exit code", async () => {
  await withServer([], async (address) => {
    const port = await freePort();
    const running = register(address, port, "--metadata", "lane=blue");
    await running.seen("stderr", /registered hello\/127\.0\.0\.1:/);
    const { stdout } = await fpzk(address, "instances", "hello", "--json");
    const [instance] = JSON.parse(stdout).instances;
    assert.equal(instance.endpoints[0].port, port);
    assert.deepEqual(instance.metadata, { lane: "blue" });
    running.process.kill("SIGHUP");
    await running.seen("stdout", /program got SIGHUP/);
    running.process.kill("SIGTERM");
    assert.equal(await running.ended, 7);
    assert.match(running.output.stdout, /program got SIGTERM/);
    assert.equal((await fpzk(address, "instances", "hello")).exitCode, 3);
  });
});

test("a program that ends by itself is deregistered with its exit code", async () => {
  await withServer([], async (address) => {
    const running = register(address, await freePort());
    const [, pid = ""] = await running.seen("stdout", /program is (\d+)/);
    await running.seen("stderr", /registered/);
    process.kill(Number(pid), "SIGUSR2");
    assert.equal(await running.ended, 9);
    assert.equal((await fpzk(address, "instances", "hello")).exitCode, 3);
  });
});

test("an operator's word is seen by a watch and lifted again", async () => {
  await withServer([], async (address) => {
    const running = register(address, await freePort(), "--id", "a");
    await running.seen("stderr", /registered hello\/a/);
    const watch = startFpzk(["watch", "hello", "--server", address]);
    await watch.seen("stdout", /= hello: 1 instances/);
    const said: readonly (readonly [string, RegExp])[] = [
      ["offline", /~ a .* offline/],
      ["online", /~ a .* offline[\s\S]*~ a .* up/],
      ["drain", /~ a .* draining/],
      ["deregister", /- a {2}deregistered/],
    ];
    for (const [word, expected] of said) {
      const done = await fpzk(address, word, "hello", "a");
      assert.equal(done.exitCode, 0, word + done.stderr);
      await watch.seen("stdout", expected);
    }
    watch.process.kill("SIGINT");
    assert.equal(await watch.ended, 0);
    running.process.kill("SIGTERM");
    await running.ended;
  });
});

test("a server with a token key accepts what fpzk token signs, and nothing else", async () => {
  const key = "a key of at least thirty-two bytes, shared";
  await withServer(["--token-key", key], async (address) => {
    const words = ["token", "--subject", "ci", "--roles", "read", "--key", key];
    const signed = startFpzk(words);
    assert.equal(await signed.ended, 0);
    const token = signed.output.stdout.trim();
    assert.equal((await fpzk(address, "services")).exitCode, 4);
    assert.equal((await fpzk(address, "services", "--token", `${token}x`)).exitCode, 4);
    assert.equal((await fpzk(address, "services", "--token", token)).exitCode, 0);
    const refused = await fpzk(address, "offline", "hello", "a", "--token", token);
    assert.equal(refused.exitCode, 4);
    assert.match(refused.stderr, /\[permission_denied\]/);
  });
});

test("workers share a port, know each other, and come back after a crash", async () => {
  const port = await freePort();
  const args = ["server", "--port", String(port), "--workers", "2", "--log", "json"];
  const server = startFpzk(args);
  await server.seen("stderr", /"event":"server.ready"/);
  const [, nodeIds = ""] = await server.seen("stderr", /"nodeIds":"([^"]+)"/);
  const address = `127.0.0.1:${port}`;
  assert.equal(nodeIds, `${address}-w1 ${address}-w2`);
  const started = /"worker":2,"pid":(\d+),"event":"worker\.started"/;
  const [, pid = ""] = await server.seen("stderr", started);
  process.kill(Number(pid), "SIGKILL");
  await server.seen("stderr", /"worker":2,"signal":"SIGKILL".*"event":"worker\.crashed"/);
  await server.seen(
    "stderr",
    /worker\.crashed[\s\S]*"worker":2,"pid":\d+,"event":"worker\.started"/,
  );
  server.process.kill("SIGTERM");
  assert.equal(await server.ended, 0);
});

test("workers that cannot start end the whole with the reason", async () => {
  await withServer([], async (address) => {
    const [, port = ""] = address.split(":");
    const second = startFpzk(["server", "--port", port, "--workers", "2"]);
    assert.equal(await second.ended, 1);
    assert.match(second.output.stderr, /is in use by another program/);
  });
});

test("a proxy reaches a registered program by its service's name", async () => {
  await withServer([], async (address) => {
    const program = register(address, await freePort());
    await program.seen("stderr", /registered/);
    const directory = mkdtempSync(join(tmpdir(), "fpzk-"));
    const file = join(directory, "proxy.yaml");
    writeFileSync(file, "routes: [{service: hello, pathPrefix: /h, stripPrefix: true}]\n");
    const words = ["proxy", "-c", file, "--port", "0", "--registry-servers", address];
    const proxy = startFpzk([...words, "--log", "pretty", "--access-log", "json"]);
    const [, url = ""] = await proxy.seen("stdout", /FPZKProxy is ready at (\S+)/);
    const response = await fetch(`${url}/h/`);
    assert.deepEqual([response.status, await response.text()], [200, "hello"]);
    await proxy.seen("stdout", /"statusCode":200,"route":"\/h\*","service":"hello"/);
    proxy.process.kill("SIGTERM");
    assert.equal(await proxy.ended, 0);
    program.process.kill("SIGTERM");
    assert.equal(await program.ended, 7);
    rmSync(directory, { recursive: true });
  });
});

test("a proxy follows routes that are applied to the registry, and that are deleted", async () => {
  await withServer([], async (address) => {
    const program = register(address, await freePort());
    await program.seen("stderr", /registered/);
    const directory = mkdtempSync(join(tmpdir(), "fpzk-"));
    const file = join(directory, "web.yaml");
    writeFileSync(file, "name: web\nroutes: [{service: hello, path: /h, methods: [GET]}]\n");
    const words = ["proxy", "--registry-routes", "--port", "0", "--registry-servers", address];
    const proxy = startFpzk([...words, "--log", "json"]);
    const [, url = ""] = await proxy.seen("stderr", /"url":"([^"]+)".*"event":"proxy\.ready"/);
    assert.equal((await fetch(`${url}/h`)).status, 404);
    const fpzk = (...args: string[]) => startFpzk(["routes", ...args, "--server", address]).ended;
    assert.equal(await fpzk("apply", file), 0);
    await proxy.seen("stderr", /"routeCount":1.*"event":"proxy\.routes-switched"/);
    const response = await fetch(`${url}/h`);
    assert.deepEqual([response.status, await response.text()], [200, "hello"]);
    assert.equal((await fetch(`${url}/h`, { method: "DELETE" })).status, 404);
    assert.equal(await fpzk("delete", "web"), 0);
    await proxy.seen("stderr", /"routeCount":0.*"event":"proxy\.routes-switched"/);
    assert.equal((await fetch(`${url}/h`)).status, 404);
    for (const { process } of [proxy, program]) process.kill("SIGTERM");
    await Promise.all([proxy.ended, program.ended]);
    rmSync(directory, { recursive: true });
  });
});

/** Of a connection that is not kept, so that no drain waits for it. */
async function statusOf(url: string): Promise<number> {
  const answer = await fetch(url, { headers: { connection: "close" } });
  await answer.arrayBuffer();
  return answer.status;
}

test("SIGHUP replaces a proxy's workers on the same port, and SIGTERM ends them", async () => {
  await withServer([], async (address) => {
    const words = ["proxy", "--dynamic", "--workers", "2", "--port", "0"];
    const proxy = startFpzk([...words, "--registry-servers", address, "--log", "json"]);
    const [, url = ""] = await proxy.seen("stderr", /"url":"([^"]+)".*"event":"proxy\.ready"/);
    const started = /"worker":(\d),"pid":(\d+),"event":"worker\.started"/g;
    assert.equal(await statusOf(`${url}/nobody/`), 503);
    proxy.process.kill("SIGHUP");
    await proxy.seen("stderr", /"event":"workers\.upgraded"/);
    const pids = [...proxy.output.stderr.matchAll(started)].map(([, worker, pid]) => [worker, pid]);
    assert.deepEqual(pids.map(([worker]) => worker).sort(), ["1", "1", "2", "2"]);
    assert.equal(new Set(pids.map(([, pid]) => pid)).size, 4);
    assert.equal(await statusOf(`${url}/nobody/`), 503);
    proxy.process.kill("SIGTERM");
    assert.equal(await proxy.ended, 0);
  });
});

test("a worker that dies while SIGHUP replaces it harms nobody, and none is left over", {
  timeout: 30_000,
}, async () => {
  await withServer([], async (address) => {
    const words = ["proxy", "--dynamic", "--workers", "2", "--port", "0"];
    const proxy = startFpzk([...words, "--registry-servers", address, "--log", "json"]);
    const [, url = ""] = await proxy.seen("stderr", /"url":"([^"]+)".*"event":"proxy\.ready"/);
    const started = /"worker":(\d),"pid":(\d+),"event":"worker\.started"/g;
    const pids = () =>
      [...proxy.output.stderr.matchAll(started)].map(([, worker, pid]) => ({
        worker,
        pid: Number(pid),
      }));
    const victim = pids().find(({ worker }) => worker === "1");
    assert.ok(victim !== undefined);
    proxy.process.kill("SIGHUP");
    await proxy.seen("stderr", /"event":"workers\.upgrading"/);
    // The one that is being replaced now: it is started again before its successor is ready.
    process.kill(victim.pid, "SIGKILL");
    // What the primary gave it before it noticed is lost with it; nothing afterwards is.
    await proxy.seen("stderr", /"event":"worker\.crashed"/);
    const upgraded = proxy.seen("stderr", /"event":"workers\.upgraded"/);
    for (let round = 0; round < 20; round += 1) {
      assert.equal(await statusOf(`${url}/nobody/`), 503);
    }
    await upgraded;
    assert.equal(await statusOf(`${url}/nobody/`), 503);
    proxy.process.kill("SIGTERM");
    assert.equal(await proxy.ended, 0);
    for (const { pid } of pids()) assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
  });
});
