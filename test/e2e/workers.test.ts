/** Several nodes behind one port: they find each other, and one that dies harms nobody. */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { connect, type FpzkClient } from "@fpzk/client";
import { freePort } from "../free-port.js";
import { exchange } from "./http-exchange.js";
import { until } from "./real-cluster.js";
import { spawnFpzk } from "./run-fpzk.js";
import { ViewRecorder } from "./view-recorder.js";

const SECRET = "a secret that only the servers of this test know";
/** Enough that both workers serve some: the port hands connections out in turn. */
const PROVIDER_COUNT = 6;

interface NodeJson {
  readonly nodeId: string;
  readonly generation: number;
  readonly status: string;
}

describe("two workers behind one port, and a server of another region", {
  timeout: 120_000,
}, () => {
  let workers: ChildProcess;
  let neighbour: ChildProcess;
  let workersAddress: string;
  let neighbourAddress: string;
  let log = "";
  const clients: FpzkClient[] = [];
  const recorders: ViewRecorder[] = [];

  before(async () => {
    const port = await freePort();
    workersAddress = `127.0.0.1:${port}`;
    neighbourAddress = `127.0.0.1:${await freePort()}`;
    const common = ["--cluster-secret", SECRET, "--log", "json"];
    workers = spawnFpzk([
      ...["server", "--node-id", "us", "--region", "us", "--port", `${port}`, "--workers", "2"],
      ...["--seeds", neighbourAddress, ...common],
    ]);
    workers.stderr?.setEncoding("utf8").on("data", (text: string) => {
      log += text;
    });
    neighbour = spawnFpzk([
      ...["server", "--node-id", "eu", "--region", "eu", "--seeds", workersAddress],
      ...["--port", neighbourAddress.split(":")[1] ?? "", ...common],
    ]);
    neighbour.stderr?.resume();
    await until("all three see each other", 20_000, async () => {
      const both = [await aliveNodes(workersAddress), await aliveNodes(neighbourAddress)];
      return both.every((ids) => ids.join() === "eu,us-w1,us-w2");
    });
  });

  after(async () => {
    for (const recorder of recorders) await recorder.close();
    for (const client of clients) await client.close();
    for (const child of [workers, neighbour]) {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    }
  });

  async function nodes(address: string): Promise<NodeJson[]> {
    const { body } = await exchange(`http://${address}/v1/nodes`);
    return (body as { nodes: NodeJson[] }).nodes;
  }

  async function aliveNodes(address: string): Promise<string[]> {
    const alive = (await nodes(address)).filter((node) => node.status === "alive");
    return alive.map((node) => node.nodeId).sort();
  }

  async function client(address: string, region: string): Promise<FpzkClient> {
    const made = await connect({ servers: [address], region });
    clients.push(made);
    return made;
  }

  async function watch(address: string, region: string, service: string): Promise<ViewRecorder> {
    const recorder = new ViewRecorder(await client(address, region), service);
    recorders.push(recorder);
    await recorder.view.ready();
    return recorder;
  }

  /** What the port answers of a service, asked as often as reaches both workers. */
  async function idsAtPort(service: string): Promise<Set<string>> {
    const answers = new Set<string>();
    for (let time = 0; time < 4; time += 1) {
      const { body } = await exchange(`http://${workersAddress}/v1/services/${service}`);
      const { instances } = body as { instances: { id: string }[] };
      answers.add(instances.map(({ id }) => id).join());
    }
    return answers;
  }

  /** Process ids of the workers, newest first in the log. */
  function pidOf(nodeId: string): number {
    const number = nodeId.slice(-1);
    const started = log.matchAll(
      /\{[^\n]*"worker":(\d+),"pid":(\d+)[^\n]*worker\.started[^\n]*\}/g,
    );
    const pids = [...started].filter((match) => match[1] === number).map((match) => match[2]);
    assert.ok(pids.length > 0, `the log names the process of ${nodeId}: ${log}`);
    return Number(pids.at(-1));
  }

  test("registrations by either worker show in both, and in the other region", async () => {
    const service = "shared";
    const outside = await watch(neighbourAddress, "eu", service);
    const providers: FpzkClient[] = [];
    for (let number = 0; number < PROVIDER_COUNT; number += 1) {
      const provider = await client(workersAddress, "us");
      await provider.register({ service, id: `s-${number}`, endpoints: [{ port: 80 }] });
      providers.push(provider);
    }
    const owners = new Set(providers.map(({ connectedNodeId }) => connectedNodeId));
    assert.deepEqual([...owners].sort(), ["us-w1", "us-w2"], "both workers serve");
    const all = providers.map((_, number) => `s-${number}`).join();
    await until("the other region shows all", 5_000, () => outside.ids.join() === all);
    await until("both workers answer all", 5_000, async () => {
      const answers = await idsAtPort(service);
      return answers.size === 1 && answers.has(all);
    });
    for (const provider of providers) await provider.close();
    await until("all are gone", 5_000, () => outside.ids.length === 0);
  });

  test("P6 one worker killed: nothing is lost, its clients move, it comes back", async () => {
    const service = "survives";
    const watchers = [
      await watch(neighbourAddress, "eu", service),
      await watch(workersAddress, "us", service),
    ];
    const providers: FpzkClient[] = [];
    for (let number = 0; number < PROVIDER_COUNT; number += 1) {
      const provider = await client(workersAddress, "us");
      await provider.register({ service, id: `s-${number}`, endpoints: [{ port: 80 }] });
      providers.push(provider);
    }
    await until("all are shown", 5_000, () =>
      watchers.every(({ ids }) => ids.length === PROVIDER_COUNT),
    );
    for (const watcher of watchers) watcher.watchMinimum();
    const victim = "us-w1";
    const survivor = "us-w2";
    const before = (await nodes(neighbourAddress)).find((node) => node.nodeId === victim);
    const moved = providers.filter(({ connectedNodeId }) => connectedNodeId === victim);
    assert.ok(moved.length > 0, "the victim serves some");

    process.kill(pidOf(victim), "SIGKILL");
    await until("it is seen with a higher generation", 20_000, async () => {
      const now = (await nodes(neighbourAddress)).find((node) => node.nodeId === victim);
      return now?.status === "alive" && now.generation > (before?.generation ?? 0);
    });
    await until("all clients are served", 10_000, () =>
      providers.every(({ connectedNodeId }) => connectedNodeId !== undefined),
    );
    await until("all instances are alive", 10_000, () =>
      watchers.every(({ view }) => view.instances.every(({ liveness }) => liveness === "alive")),
    );
    // A machine that is too busy for an answer in time sends them abroad; from there they come home.
    await until("its clients are in their region", 40_000, () =>
      moved.every(({ connectedNodeId }) => [victim, survivor].includes(connectedNodeId ?? "")),
    );
    for (const watcher of watchers) {
      assert.deepEqual(watcher.removals, []);
      assert.equal(watcher.minimumCount, PROVIDER_COUNT);
    }
    await until("both workers answer all again", 10_000, async () => {
      const answers = await idsAtPort(service);
      return answers.size === 1 && [...answers][0]?.split(",").length === PROVIDER_COUNT;
    });
    for (const provider of providers) await provider.close();
  });

  test("SIGTERM to the parent ends all of it, and nobody elsewhere is suspected", async () => {
    const service = "elsewhere";
    const watcher = await watch(neighbourAddress, "eu", service);
    const steady = await client(neighbourAddress, "eu");
    await steady.register({ service, id: "at-eu", endpoints: [{ port: 80 }] });
    const mover = await client(workersAddress, "us");
    await mover.register({ service, id: "at-us", endpoints: [{ port: 80 }] });
    await until("both are shown", 5_000, () => watcher.ids.join() === "at-eu,at-us");
    const pids = ["us-w1", "us-w2"].map(pidOf);
    watcher.watchMinimum();

    const exited = once(workers, "exit");
    workers.kill("SIGTERM");
    const [exitCode] = await exited;
    assert.equal(exitCode, 0, log.slice(-3_000));
    for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
    await until("the neighbour knows that they left", 10_000, async () => {
      return (await aliveNodes(neighbourAddress)).join() === "eu";
    });
    await until("the client is served by the neighbour", 10_000, () => {
      return mover.connectedNodeId === "eu" && watcher.livenessOf("at-us") === "alive";
    });
    const suspected = watcher.recorded.flatMap(({ change }) =>
      change.type === "updated" && change.instance.liveness === "suspect"
        ? [change.instance.id]
        : [],
    );
    assert.deepEqual(suspected, [], "they said goodbye");
    assert.deepEqual(watcher.removals, []);
    assert.equal(watcher.minimumCount, 2);
  });

  test("a worker that cannot start ends all with the reason", async () => {
    const [, port] = neighbourAddress.split(":");
    const child = spawnFpzk(["server", "--port", `${port}`, "--workers", "2", "--log", "json"]);
    let said = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    const [exitCode] = await once(child, "close");
    assert.notEqual(exitCode, 0);
    assert.match(said, /in use/);
  });
});
