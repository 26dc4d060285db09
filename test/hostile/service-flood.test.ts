/**
 * One client that registers ever new services.
 *
 * What it may fill is its own namespace: at the bound it is refused there and nowhere else, what is
 * registered already goes on, and names are forgotten with their tombstones. Here the bound itself
 * is reached, by clients one after the other; the bound of all namespaces together
 * (`SERVICE_TOTAL_COUNT_MAX`) is extrapolated from it.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  REGISTER_BATCH_COUNT_MAX,
  SERVICE_COUNT_MAX,
  SESSION_INSTANCE_COUNT_MAX,
} from "@fpzk/core";
import { until } from "../e2e/real-cluster.js";
import { Bystander } from "./bystander.js";
import { HostileServer } from "./hostile-server.js";
import { itemOf, RawSession } from "./raw-attacker.js";

const BYTES_PER_SERVICE_MAX = 4_000;

describe("a flood of services", { timeout: 280_000 }, () => {
  let server: HostileServer;
  let bystander: Bystander;

  before(async () => {
    const arguments_ = [
      ...["--cluster-orphan-suspect", "6s", "--cluster-orphan-ttl", "1s"],
      ...["--cluster-tombstone-ttl", "7s"],
    ];
    server = await HostileServer.start({ nodeId: "victim", arguments: arguments_ });
    bystander = await Bystander.join(server);
  });

  after(async () => {
    await bystander[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  /** Registers services `from` to `to` in one session and says goodbye; returns what was refused. */
  async function registerAll(from: number, to: number): Promise<number> {
    const session = await RawSession.welcomed(server.port, { namespace: "flooded" });
    let refusedCount = 0;
    for (let start = from; start < to; start += REGISTER_BATCH_COUNT_MAX) {
      const count = Math.min(REGISTER_BATCH_COUNT_MAX, to - start);
      session.register(
        start + 1,
        Array.from({ length: count }, (_, n) => itemOf(`flood-${start + n}`, "f")),
      );
      const { items } = await session.receive("registered");
      for (const { code } of items) {
        if (code === undefined) continue;
        assert.equal(code, "resource_exhausted");
        refusedCount += 1;
      }
    }
    session.send({ type: "goodbye" });
    await session.closed;
    return refusedCount;
  }

  test(`more than ${SERVICE_COUNT_MAX} services in one namespace`, async () => {
    const beforeBytes = await server.metric("fpzk_resident_bytes");
    let refusedCount = 0;
    const startMs = performance.now();
    await server.counts({ source: "session", code: "resource_exhausted" }, async () => {
      // Faster than tombstones are forgotten, or some room would have come back.
      for (let from = 0; refusedCount === 0; from += SESSION_INSTANCE_COUNT_MAX) {
        refusedCount += await registerAll(from, from + SESSION_INSTANCE_COUNT_MAX);
        await bystander.unharmed();
        assert.ok(performance.now() - startMs < 200_000, "the bound was never reached");
      }
    });
    const usedBytes = (await server.metric("fpzk_resident_bytes")) - beforeBytes;
    assert.ok(
      usedBytes < SERVICE_COUNT_MAX * BYTES_PER_SERVICE_MAX,
      `${usedBytes} bytes more for ${SERVICE_COUNT_MAX} services`,
    );
    assert.ok((await server.metric("fpzk_services")) <= SERVICE_COUNT_MAX + 10);
    await bystander.client
      .register({ service: "another namespace is not touched", endpoints: [{ port: 80 }] })
      .then((handle) => handle.deregister());
    await until("the names to be forgotten with their tombstones", 60_000, async () => {
      return (await server.metric("fpzk_services")) < 10;
    });
    assert.equal(await registerAll(0, REGISTER_BATCH_COUNT_MAX), 0, "room came back");
    await bystander.unharmed();
  });
});
