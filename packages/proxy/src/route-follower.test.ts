import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { RouteSet, RouteSetWatch } from "@fpzk/client";
import { createRouteTable, type Route, SeededRandom } from "@fpzk/core";
import { ProxyMetrics } from "./metrics.js";
import { deferred } from "./proxy-fixture.test.util.js";
import { loadRouteFile } from "./route-file.js";
import { RouteFollower } from "./route-follower.js";

const stamp = { incarnation: 1, session: 0, claim: 0 };

/** A registry whose route sets the test says. */
class FakeRegistry {
  isComplete = true;
  routeSets: RouteSet[] = [];
  #onChange = (): void => {};

  readonly watch = (onChange: () => void): RouteSetWatch => {
    this.#onChange = onChange;
    const sets = () => this.routeSets;
    const isComplete = () => this.isComplete;
    return {
      get routeSets() {
        return sets();
      },
      get status() {
        return { isComplete: isComplete(), isCurrent: true, isRestored: false, ageMs: 0 };
      },
      close() {},
      [Symbol.dispose]() {},
    };
  };

  set(name: string, routes: readonly Route[], fault?: string): void {
    const rest = this.routeSets.filter((one) => one.name !== name);
    const more = fault === undefined ? {} : { fault };
    this.routeSets = [...rest, { name, stamp, routes, ...more }];
    this.#onChange();
  }
}

function createFollower(
  registry: FakeRegistry,
  { file, prepare = async () => {} }: { file?: string; prepare?: () => Promise<void> } = {},
) {
  const warnings: string[] = [];
  const settled: (readonly Route[])[] = [];
  const metrics = new ProxyMetrics();
  const follower = new RouteFollower({
    own: [{ service: "own", pathPrefix: "/own" }],
    watch: registry.watch,
    file,
    createTable: (routes) => createRouteTable(routes, { random: new SeededRandom(1) }),
    prepare,
    settle: (routes) => settled.push(routes),
    logger: {
      ...{ debug() {}, info() {}, error() {} },
      warn: (event, fields) => warnings.push(`${event} ${fields?.["reason"] ?? ""}`),
    },
    metrics,
  });
  return { follower, warnings, settled, metrics };
}

function serviceOf(follower: RouteFollower, path = "/"): string {
  const query = { method: "GET", host: "h", path, clientAddress: "", header: () => undefined };
  const match = follower.match(query);
  return match.type === "target" ? match.target.service : match.type;
}

/** Lets what was begun settle; nothing here waits for time. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "fpzk-routes-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

describe("RouteFollower", () => {
  it("knows nothing before the registry's complete answer, and then switches whole", async () => {
    const registry = new FakeRegistry();
    registry.isComplete = false;
    const { follower, settled, metrics } = createFollower(registry);
    await follower.start();
    registry.set("web", [{ service: "a" }]);
    await settle();
    assert.deepEqual(
      [follower.isKnown, serviceOf(follower), serviceOf(follower, "/own")],
      [false, "none", "own"],
    );
    registry.isComplete = true;
    registry.set("web", [{ service: "a" }, { service: "b", pathPrefix: "/b" }]);
    await follower.ready(10_000);
    assert.deepEqual([serviceOf(follower), serviceOf(follower, "/b")], ["a", "b"]);
    assert.equal(settled.length, 1);
    registry.set("web", [{ service: "a" }, { service: "b", pathPrefix: "/b" }]);
    await settle();
    assert.equal(settled.length, 1, "what says the same switches nothing");
    assert.equal((await metrics.routeSwitches.get()).values[0]?.value, 1);
  });

  it("goes by the old table until the new one is prepared, and by the last of several", async () => {
    const registry = new FakeRegistry();
    const gates = [deferred<void>(), deferred<void>()];
    let prepareCount = 0;
    const prepare = () => gates[prepareCount++]?.promise ?? Promise.resolve();
    const { follower } = createFollower(registry, { prepare });
    await follower.start();
    registry.set("web", [{ service: "a" }]);
    registry.set("web", [{ service: "b" }]);
    await settle();
    assert.equal(serviceOf(follower), "none");
    gates[1]?.resolve();
    await settle();
    assert.equal(serviceOf(follower), "b");
    gates[0]?.resolve();
    await settle();
    assert.equal(serviceOf(follower), "b", "the earlier change does not come back");
  });

  it("refuses a bad set with the reason, keeps the last good one, also over a restart", async (t) => {
    const file = join(await folderFor(t), "routes.json");
    const registry = new FakeRegistry();
    const first = createFollower(registry, { file });
    await first.follower.start();
    registry.set("web", [{ service: "good" }]);
    await settle();
    registry.set("web", [], "form 2 must be 1");
    await settle();
    assert.equal(serviceOf(first.follower), "good");
    assert.deepEqual(first.warnings, [
      "proxy.route-set-refused form 2 must be 1; the last good one stays",
    ]);
    await first.follower.close();
    const gone = new FakeRegistry();
    gone.isComplete = false;
    const alone = createFollower(gone, { file });
    await alone.follower.start();
    assert.deepEqual([alone.follower.isKnown, serviceOf(alone.follower)], [true, "good"]);
    const again = createFollower(registry, { file });
    await again.follower.start();
    await settle();
    assert.equal(serviceOf(again.follower), "good", "what is bad is bad after a restart too");
  });

  it("does not believe a file that does not check", async (t) => {
    const file = join(await folderFor(t), "routes.json");
    const registry = new FakeRegistry();
    const first = createFollower(registry, { file });
    await first.follower.start();
    registry.set("web", [{ service: "good" }]);
    await settle();
    await first.follower.close();
    assert.deepEqual(await loadRouteFile(file), [{ name: "web", routes: [{ service: "good" }] }]);
    const text = await readFile(file, "utf8");
    await writeFile(file, text.replace("good", "evil"));
    const gone = new FakeRegistry();
    gone.isComplete = false;
    const { follower, warnings } = createFollower(gone, { file });
    await follower.start();
    assert.deepEqual([follower.isKnown, serviceOf(follower)], [false, "none"]);
    assert.match(warnings[0] ?? "", /route-file-refused .*checksum differs/);
  });
});
