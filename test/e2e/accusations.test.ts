/** What callers cannot connect to, with real processes in two regions: a program and a proxy say so. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { FpzkClient, ServiceSubscription } from "@fpzk/client";
import { InstanceState } from "@fpzk/core";
import { directoryFromClient, type RunningProxy, startProxy } from "@fpzk/proxy";
import { freePort } from "../free-port.js";
import { RealCluster, until } from "./real-cluster.js";

const PLAIN = fileURLToPath(new URL("../deploys/plain-program.js", import.meta.url));
const SERVICES = ["leased", "living"] as const;
/** Between two calls of a caller. */
const CALL_INTERVAL_MS = 100;
const TIMEOUT_MS = 30_000;

type Service = (typeof SERVICES)[number];

describe("accusations", { timeout: 120_000 }, () => {
  let cluster: RealCluster;
  let program: FpzkClient;
  let proxy: RunningProxy;
  let viewer: FpzkClient;
  let child: ChildProcess | undefined;

  before(async () => {
    cluster = await RealCluster.start({ regions: ["us", "eu"], nodesPerRegion: 1 });
    program = await cluster.client("us");
    viewer = await cluster.client("eu");
    proxy = await startProxy({
      port: 0,
      directory: directoryFromClient(await cluster.client("eu")),
      routes: SERVICES.map((service) => ({ service, pathPrefix: `/${service}` })),
    });
  });

  after(async () => {
    child?.kill("SIGKILL");
    await proxy?.close({ drainMs: 0 });
    await cluster?.close();
  });

  /** What a node has counted of accusations. */
  async function countOf(nodeId: string, event: string): Promise<number> {
    const { body } = await cluster.request(nodeId, "/metrics");
    return Number(new RegExp(`event="${event}"\\} (\\d+)`).exec(String(body))?.[1]);
  }

  async function callByProgram(service: Service): Promise<boolean> {
    const answer = await program.fetch(`fpzk://${service}/`).catch(() => undefined);
    await answer?.text();
    return answer?.ok === true;
  }

  async function callByProxy(service: Service): Promise<boolean> {
    const answer = await fetch(`${proxy.url}/${service}`);
    await answer.text();
    return answer.ok;
  }

  /** Calls at a rhythm until something holds. */
  async function callUntil(
    what: string,
    call: () => Promise<unknown>,
    isMet: () => boolean | Promise<boolean>,
  ): Promise<void> {
    let isOver = false;
    const calling = (async () => {
      while (!isOver) {
        await call();
        await new Promise((resolve) => setTimeout(resolve, CALL_INTERVAL_MS));
      }
    })();
    try {
      await until(what, TIMEOUT_MS, isMet);
    } finally {
      isOver = true;
      await calling;
    }
  }

  test("a lease whose process was killed is suspect with the second accuser; a renewal lifts it", async (t) => {
    const port = await freePort();
    child = spawn(process.execPath, [PLAIN, "l1", "1"], { env: { PORT: `${port}` } });
    const path = "/v1/services/leased/instances/l1";
    const endpoints = [{ protocol: "http", host: "127.0.0.1", port, reach: "public" }];
    const put = { method: "PUT", body: { endpoints, ttl: "60s" } } as const;
    assert.equal((await cluster.request("us-1", path, put)).status, 201);
    await until("both callers reach it", TIMEOUT_MS, async () => {
      return (await callByProgram("leased")) && (await callByProxy("leased"));
    });
    const leased = viewer.subscribe("leased");
    await until("it is seen", TIMEOUT_MS, () => livenessOf(leased) === "alive");
    child.kill("SIGKILL");
    await once(child, "exit");
    await callUntil(
      "the program accuses it",
      () => callByProgram("leased"),
      async () => (await countOf("us-1", "accusationsTaken")) >= 1,
    );
    assert.equal(livenessOf(leased), "alive", "one accuser does not suffice");
    const start = performance.now();
    await callUntil(
      "it is suspect elsewhere",
      () => Promise.all([callByProgram("leased"), callByProxy("leased")]),
      () => livenessOf(leased) === "suspect",
    );
    t.diagnostic(`suspect ${Math.round(performance.now() - start)} ms after the proxy called`);
    assert.equal(leased.instances[0]?.state, InstanceState.up, "its own state stays");
    const shown = (await cluster.request("us-1", path)).body as { suspicion?: unknown };
    assert.deepEqual(shown.suspicion, { reason: "accused", accuserCount: 2 });
    const renewed = await cluster.request("eu-1", `${path}/renew`, { method: "POST" });
    assert.equal(renewed.status, 204);
    await until("it is alive again", TIMEOUT_MS, () => livenessOf(leased) === "alive");
    leased.close();
  });

  test("a program that lives stays, though nobody can connect to it (P6)", async () => {
    const provider = await cluster.client("us");
    const port = await freePort();
    const endpoints = [{ host: "127.0.0.1", port, reach: "public" as const }];
    await provider.register({ service: "living", id: "s1", endpoints });
    const living = viewer.subscribe("living");
    await until("it is seen", TIMEOUT_MS, () => livenessOf(living) === "alive");
    const seen = new Set<string>();
    await callUntil(
      "both callers accuse it",
      () => Promise.all([callByProgram("living"), callByProxy("living")]),
      async () => {
        seen.add(livenessOf(living) ?? "gone");
        return (await countOf("us-1", "accusationsRefuted")) >= 2;
      },
    );
    assert.deepEqual([...seen, livenessOf(living)], ["alive", "alive"]);
    living.close();
  });
});

function livenessOf(service: ServiceSubscription): string | undefined {
  return service.instances[0]?.liveness;
}
