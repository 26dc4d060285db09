import assert from "node:assert/strict";
import { join } from "node:path";
import test, { after } from "node:test";
import { freePort, killRunning, startFpzk } from "./testing/process.js";

const examples = join(import.meta.dirname, "../../../examples/three-regions");
const REGIONS = ["us", "eu", "ap"] as const;

after(killRunning);

test("the three regions' example is one cluster: registered in one, seen in another", async () => {
  const ports = await Promise.all(REGIONS.map(freePort));
  const addresses = ports.map((port) => `127.0.0.1:${port}`);
  const [us = "", , ap = ""] = addresses;
  const servers = REGIONS.map((region, index) => {
    const file = join(examples, `${region}.yaml`);
    const here = ["--port", String(ports[index]), "--seeds", addresses.join(",")];
    return startFpzk(["server", "-c", file, ...here, "--log", "json"]);
  });
  await Promise.all(servers.map((server) => server.seen("stderr", /"event":"server.ready"/)));
  const watch = startFpzk(["watch", "hello", "--server", ap]);
  await watch.seen("stdout", /= hello: 0 instances/);
  const port = String(await freePort());
  const words = ["register", "--service", "hello", "--port", port, "--id", "a", "--server", us];
  const script = `require("node:net").createServer().listen(${port}, "127.0.0.1")`;
  const program = startFpzk([...words, "--region", "us", "--", process.execPath, "-e", script]);
  await watch.seen("stdout", /\+ a {2}http:\/\/127\.0\.0\.1:\d+ {2}up {2}alive {2}us/);
  program.process.kill("SIGTERM");
  await watch.seen("stdout", /- a /);
  assert.equal(await program.ended, 143);
  watch.process.kill("SIGINT");
  for (const server of servers) server.process.kill("SIGTERM");
  for (const { ended } of [watch, ...servers]) assert.equal(await ended, 0);
});
