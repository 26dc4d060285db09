/** How instances leave, with real processes in two regions: by SIGTERM, and by an operator's word. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { ServiceSubscription } from "@fpzk/client";
import { freePort } from "../free-port.js";
import { RealCluster, until } from "./real-cluster.js";
import { spawnFpzk } from "./run-fpzk.js";

const PLAIN = fileURLToPath(new URL("../deploys/plain-program.js", import.meta.url));
const PICK_COUNT = 30;

describe("leaving", { timeout: 120_000 }, () => {
  let cluster: RealCluster;

  before(async () => {
    cluster = await RealCluster.start({ regions: ["us", "eu"], nodesPerRegion: 1 });
  });
  after(() => cluster.close());

  test("a command of fpzk register leaves on SIGTERM without a lost request", async () => {
    const leaving = await register("hello-a");
    const staying = await register("hello-b");
    const client = await cluster.client("eu");
    const hello = client.subscribe("hello", { prefersNear: false });
    await until("both are seen from afar", 10_000, () => hello.instances.length === 2);
    const calls = new Calls(hello);
    // Still in work when the command gets its signal, a second after everyone confirmed.
    const slow = calls.call("hello-a", "/echo/slow?wait=1500");
    const { said } = leaving;
    leaving.child.kill("SIGTERM");
    await until("the drain is confirmed", 20_000, () => /drained: \d+ subscribers/.test(said()));
    for (let count = 0; count < PICK_COUNT; count += 1) {
      assert.notEqual(hello.pick()?.instance.id, "hello-a");
    }
    assert.match(said(), /drained: 1 subscribers confirmed/);
    assert.equal(await slow, 200);
    const [exitCode] = leaving.child.exitCode === null ? await once(leaving.child, "exit") : [0];
    assert.equal(exitCode, 0);
    await calls.stop();
    assert.deepEqual(calls.failures, []);
    assert.ok(calls.count > 0);
    await client.close();
    staying.child.kill("SIGTERM");
    await once(staying.child, "exit");
  });

  test("an operator drains a zone from the command line, and takes it back", async () => {
    const client = await cluster.client("us");
    for (const [service, id, zone] of [
      ["orders", "a1", "us-a"],
      ["orders", "b1", "us-b"],
      ["solo", "s1", "us-a"],
    ] as const) {
      const one = await cluster.client("us", { zone });
      await one.register({ service, id, endpoints: [{ host: `host-${zone}`, port: 1 }] });
    }
    const far = await cluster.client("eu", { clientId: "far" });
    const orders = far.subscribe("orders");
    await until("both are seen from afar", 10_000, () => orders.instances.length === 2);
    const drained = await cluster.fpzk("us-1", "drain", "--zone", "us-a", "--note", "power work");
    assert.equal(drained.exitCode, 1, drained.stderr);
    assert.match(drained.stdout, /✓ orders\/a1 {2}drained; 1 subscribers confirmed/);
    assert.match(drained.stdout, /- solo\/s1 {2}held back: 1 of 1 are up/);
    for (let count = 0; count < PICK_COUNT; count += 1) {
      assert.equal(orders.pick()?.instance.id, "b1");
    }
    const audit = /"selector":"zone us-a".*"outcome":"done".*"event":"audit.drain"/;
    await until("the audit line", 5_000, () => audit.test(cluster.server("us-1").log));
    const online = await cluster.fpzk("us-1", "online", "--host", "host-us-a");
    assert.deepEqual([online.exitCode, online.stdout], [0, "orders/a1 has its own state again\n"]);
    await until("it is picked again", 10_000, () => orders.pick()?.instance.id === "a1");
    const none = await cluster.fpzk("us-1", "drain", "--zone", "nowhere");
    assert.equal(none.exitCode, 3);
    await client.close();
  });

  test("who cannot confirm is named, step by step", async () => {
    cluster.cutRegion("eu", true);
    try {
      const words = ["drain", "orders", "--zone", "us-b", "--timeout", "1s", "--json"];
      const { exitCode, stdout } = await cluster.fpzk("us-1", ...words);
      assert.equal(exitCode, 1);
      const lines = stdout.trim().split("\n");
      const drained = lines.map((line) => JSON.parse(line)).find(({ type }) => type === "drained");
      assert.equal(drained.id, "b1");
      assert.ok(drained.unconfirmed.includes("eu-1"), stdout);
    } finally {
      cluster.cutRegion("eu", false);
    }
  });

  /** `fpzk register -- node …` of a program that knows nothing of FPZK. */
  async function register(id: string) {
    const port = await freePort();
    const words = ["register", "--service", "hello", "--id", id, "--port", `${port}`];
    const server = ["--region", "us", "--server", cluster.server("us-1").address];
    const command = ["--", process.execPath, PLAIN, id, "v1"];
    const child = spawnFpzk([...words, ...server, ...command]);
    let log = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      log += text;
    });
    await until(`${id} registered`, 30_000, () => log.includes("registered"));
    return { child, said: () => log };
  }
});

/** Calls the service one request after the other, and counts what fails. */
class Calls {
  readonly failures: string[] = [];
  count = 0;
  readonly #service: ServiceSubscription;
  readonly #running: Promise<void>;
  #isStopped = false;

  constructor(service: ServiceSubscription) {
    this.#service = service;
    this.#running = this.#run();
  }

  /** One call of one instance; resolves with its status. */
  async call(id: string, path: string): Promise<number> {
    const found = this.#service.instances.find((instance) => instance.id === id);
    const endpoint = found?.description.endpoints[0];
    const answer = await fetch(`http://${endpoint?.host}:${endpoint?.port}${path}`);
    await answer.text();
    return answer.status;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const picked = this.#service.pick();
      const url = `${picked?.url}/echo/x`;
      try {
        const answer = await fetch(url);
        await answer.text();
        if (!answer.ok) this.failures.push(`${url}: ${answer.status}`);
      } catch (error) {
        const cause = error instanceof Error ? error.cause : undefined;
        this.failures.push(`${url}: ${String(error)} ${String(cause)}`);
      } finally {
        picked?.release();
      }
      this.count += 1;
    }
  }
}
