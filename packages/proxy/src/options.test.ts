import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isRegistryError } from "@fpzk/core";
import { type ProxyOptions, resolveProxyOptions } from "./options.js";
import { StaticDirectory } from "./proxy-fixture.test.util.js";

const directory = new StaticDirectory();
const routes = [{ service: "a" }];

function check(options: Partial<ProxyOptions>, ...faults: readonly RegExp[]): void {
  assert.throws(
    () => resolveProxyOptions({ port: 0, directory, routes, ...options }),
    (error) => {
      assert.ok(isRegistryError(error));
      assert.equal(error.code, "invalid_argument");
      for (const fault of faults) assert.match(error.message, fault);
      return true;
    },
  );
}

describe("resolveProxyOptions", () => {
  it("fills in defaults", () => {
    const resolved = resolveProxyOptions({ port: 0, directory, routes });
    assert.equal(resolved.host, "127.0.0.1");
    assert.equal(resolved.isDynamic, false);
    assert.equal(resolved.limits.headerMaxBytes, 16_384);
    assert.equal(resolved.outlier.maxEjectionPercent, 50);
    assert.equal(resolved.retryBudget.retryRatio, 0.2);
  });

  it("refuses a proxy that could reach nothing", () => {
    check({ routes: [] }, /routes: none given, isDynamic is false and routeSets not asked for/);
    check({ routeSets: {} }, /routeSets: the directory knows of none/);
    assert.ok(resolveProxyOptions({ port: 0, directory, isDynamic: true }));
  });

  it("names every fault with its value and bound", () => {
    check(
      {
        port: -1,
        admin: { port: 1.5, hostNames: ["a:80"] },
        limits: { headerCountMax: 0, idleTimeoutMs: Number.NaN },
        outlier: { maxEjectionPercent: 101 },
        retryBudget: { retryRatio: 2, retryPerSecondMin: -1 },
      },
      /port -1 must be 0 to 65535/,
      /admin\.port 1\.5/,
      /admin\.hostNames "a:80" must be a host name/,
      /limits\.headerCountMax 0 must be a whole number, 1 to/,
      /limits\.idleTimeoutMs NaN/,
      /maxEjectionPercent 101/,
      /retryRatio 2 must be 0 to 1/,
      /retryPerSecondMin -1/,
    );
  });

  it("checks what depends on each other", () => {
    check({ limits: { requestTimeoutMs: 5_000 } }, /headerTimeoutMs 10000 .*requestTimeoutMs 5000/);
    check({ outlier: { ejectionMaxMs: 10 } }, /ejectionMaxMs 10 .*ejectionBaseMs 5000/);
    const limits = { requestTimeoutMs: 0 };
    assert.ok(resolveProxyOptions({ port: 0, directory, routes, limits }));
  });
});
