import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { InstanceState } from "@fpzk/core";
import { FakeNode } from "./fake-node.test.support.js";

test("SIGTERM drains, says goodbye and ends the process with 0", async (t) => {
  const node = await FakeNode.start();
  t.after(() => node.stop());
  const program = `
    import { connect } from ${JSON.stringify(new URL("./index.js", import.meta.url).href)};
    const client = await connect({ servers: ["${node.address}"], drainsOnSigterm: true });
    await client.register({ service: "orders", id: "a", endpoints: [{ port: 1 }] });
    console.log("registered");
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  await once(child.stdout, "data");
  child.kill("SIGTERM");
  const drain = await node.request("set-state", ({ state }) => state === InstanceState.draining);
  assert.equal(drain.timeoutMs, 10_000);
  node.send({ type: "drained", requestId: drain.requestId, confirmedCount: 0, unconfirmed: [] });
  await node.request("goodbye");
  assert.deepEqual(await ended, [0, null]);
});

test("what the program ends itself is waited for", async (t) => {
  const node = await FakeNode.start();
  t.after(() => node.stop());
  const program = `
    import { connect } from ${JSON.stringify(new URL("./index.js", import.meta.url).href)};
    const finish = async () => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      console.log("finished");
    };
    const options = { servers: ["${node.address}"], drainsOnSigterm: true, lingerMs: 0, finish };
    const client = await connect(options);
    await client.register({ service: "orders", id: "a", endpoints: [{ port: 1 }] });
    console.log("registered");
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  let said = "";
  child.stdout.on("data", (text) => {
    said += text;
  });
  await once(child.stdout, "data");
  child.kill("SIGTERM");
  const { requestId } = await node.request(
    "set-state",
    ({ state }) => state === InstanceState.draining,
  );
  node.send({ type: "drained", requestId, confirmedCount: 0, unconfirmed: [] });
  await node.request("goodbye");
  assert.match(said, /finished/);
  assert.deepEqual(await ended, [0, null]);
});

test("what a caller sent just before it confirmed is served, and finished", async (t) => {
  const node = await FakeNode.start();
  t.after(() => node.stop());
  const program = `
    import { createServer } from "node:http";
    import { connect } from ${JSON.stringify(new URL("./index.js", import.meta.url).href)};
    const options = { servers: ["${node.address}"], drainsOnSigterm: true, lingerMs: 500 };
    const client = await connect(options);
    const server = createServer((_, response) => setTimeout(() => response.end("done"), 700));
    server.listen(0, "127.0.0.1", async () => {
      const { port } = server.address();
      await client.register({ service: "orders", id: "a", endpoints: [{ port }] });
      console.log(port);
    });
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const [port] = await once(child.stdout, "data");
  child.kill("SIGTERM");
  const drain = await node.request("set-state", ({ state }) => state === InstanceState.draining);
  const { requestId } = drain;
  node.send({ type: "drained", requestId, confirmedCount: 1, unconfirmed: [] });
  // The answer takes longer than the program lingers.
  const answer = await fetch(`http://127.0.0.1:${Number(String(port))}/`);
  assert.equal(await answer.text(), "done");
  await node.request("goodbye");
  assert.deepEqual(await ended, [0, null]);
});
