import assert from "node:assert/strict";
import { test } from "node:test";
import { completeOptions, formatHostPort, parseHostPort } from "./options.js";

test("servers: host, host:port, IPv6 in brackets", () => {
  const check = (text: string, expected: string | undefined): void => {
    const parsed = parseHostPort(text);
    assert.equal(parsed === undefined ? undefined : formatHostPort(parsed), expected, text);
  };
  check("registry", "registry:7100");
  check("registry.example:80", "registry.example:80");
  check("10.0.0.1:7101", "10.0.0.1:7101");
  check("[::1]", "[::1]:7100");
  check("[2001:db8::1]:99", "[2001:db8::1]:99");
  check("", undefined);
  check("a:0", undefined);
  check("a:65536", undefined);
  check("a:b", undefined);
  check("http://a:1", undefined);
  check("::1", undefined);
  check("a/b", undefined);
});

test("defaults", () => {
  const { clientId, ...rest } = completeOptions({});
  assert.match(clientId, /^[0-9a-f-]{36}$/);
  assert.deepEqual(rest, {
    servers: [{ host: "127.0.0.1", port: 7100 }],
    namespace: "default",
    ...{ token: "", region: "", zone: "" },
    ...{ tls: undefined, snapshotDirectory: undefined, onNote: undefined },
    services: new Map(),
    ...{ drainsOnSigterm: false, lingerMs: 1_000, finish: undefined, drainTimeoutMs: 10_000 },
    ...{ connectTimeoutMs: 10_000, requestTimeoutMs: 5_000 },
  });
});

test("everything that is wrong is said at once", () => {
  const options = {
    servers: ["a:b"],
    region: "x\n",
    connectTimeoutMs: 0,
    requestTimeoutMs: Number.NaN,
    tls: { caFile: "/does/not/exist" },
  };
  assert.throws(
    () => completeOptions(options),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, "invalid_argument");
      for (const part of [
        'server "a:b"',
        "region",
        "connectTimeoutMs 0",
        "requestTimeoutMs NaN",
        "caFile",
      ]) {
        assert.ok(error.message.includes(part), `${part} in ${error.message}`);
      }
      return true;
    },
  );
  assert.throws(() => completeOptions({ servers: [] }), /servers count 0 must be >= 1/);
});

test("what is wrong about a service is said by connect, with its name", () => {
  const services = {
    shop: { policy: "rondom" as never, retryCount: -1 },
    "x\n": {},
    good: { policy: "random" as const, timeoutMs: 100 },
  };
  assert.throws(
    () => completeOptions({ services }),
    (error: Error) => {
      assert.match(error.message, /shop: policy rondom must be one of/);
      assert.match(error.message, /shop: retryCount -1 must be/);
      assert.match(error.message, /services: .*service/);
      assert.doesNotMatch(error.message, /good/);
      return true;
    },
  );
});
