import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import * as arbitraries from "./arbitraries.fixture.js";
import { parseInstanceDescription, problemText } from "./index.js";

function check(input: unknown, expected: readonly string[]): void {
  const parsed = parseInstanceDescription(input);
  assert.equal(parsed.ok, false);
  assert.deepEqual(parsed.problems.map(problemText), expected);
}

test("what is left out has its default", () => {
  assert.deepEqual(parseInstanceDescription({ endpoints: [{ host: "h", port: 80 }] }), {
    ok: true,
    description: {
      group: "",
      version: "",
      region: "",
      zone: "",
      endpoints: [{ protocol: "http", host: "h", port: 80, tls: false, reach: "internal" }],
      weight: 100,
      metadata: {},
      startWallTime: 0,
    },
  });
});

test("the caller's defaults stand in, and give way", () => {
  const defaults = { region: "eu", zone: "a", startWallTime: 9, host: "10.0.0.1" };
  const parsed = parseInstanceDescription({ zone: "b", endpoints: [{ port: 1 }] }, defaults);
  assert.ok(parsed.ok);
  const { region, zone, startWallTime, endpoints } = parsed.description;
  assert.deepEqual([region, zone, startWallTime, endpoints[0]?.host], ["eu", "b", 9, "10.0.0.1"]);
});

test("all problems come at once, each with path, value and bound", () => {
  check(
    {
      group: "a\u0000",
      weight: 10_001,
      colour: "red",
      endpoints: [{ host: "", port: "80", protocol: "HTTP", tls: 1, reach: "far", path: "/" }, 7],
      metadata: { a: 1 },
      startWallTime: -1,
    },
    [
      'has key "colour" must have no keys but group, version, region, zone, endpoints, weight, ' +
        "metadata, startWallTime",
      'group "a\\u0000" must have no control characters, but has U+0000 at 1',
      'endpoints[0] has key "path" must have no keys but protocol, host, port, tls, reach',
      "endpoints[0].protocol \"HTTP\" must be 1 to 32 of a-z, 0-9, '+', '.', '-', first a letter",
      'endpoints[0].host "" must be a host name or an IP address',
      "endpoints[0].tls 1 must be true or false",
      'endpoints[0].reach "far" must be "internal" or "public"',
      'endpoints[0].port "80" must be a whole number >= 1 and <= 65535',
      "endpoints[1] 7 must be an object",
      "endpoints[1].host undefined must be a host name or an IP address",
      "endpoints[1].port undefined must be a whole number >= 1 and <= 65535",
      "weight 10001 must be a whole number >= 0 and <= 10000",
      'metadata["a"] 1 must be a text of at most 16384 bytes',
      "startWallTime -1 must be a whole number >= 0 and <= 9007199254740991",
    ],
  );
});

test("inputs that are no object are refused", () => {
  for (const input of [undefined, null, 7, "text", [], true]) {
    const parsed = parseInstanceDescription(input);
    assert.equal(parsed.ok, false);
    assert.match(parsed.problems.map(problemText).join(), /must be an object/);
  }
});

test("hosts with brackets, paths or spaces are refused", () => {
  for (const host of ["[::1]", "a/b", "a b", "user@h", "h?x", "h#x"]) {
    check({ endpoints: [{ host, port: 1 }] }, [
      `endpoints[0].host "${host}" must have no spaces, brackets, '/', '@', '?' or '#'`,
    ]);
  }
  assert.ok(parseInstanceDescription({ endpoints: [{ host: "::1", port: 1 }] }).ok);
});

test("keys that mean something to an object are refused and change nothing", () => {
  check(JSON.parse('{"metadata":{"__proto__":"x"}}'), [
    'metadata key "__proto__" must not be one of __proto__, constructor, prototype',
  ]);
  check(JSON.parse('{"__proto__":{"weight":1}}'), [
    'has key "__proto__" must have no keys but group, version, region, zone, endpoints, weight, ' +
      "metadata, startWallTime",
  ]);
});

test("counts and bytes are bounded", () => {
  const endpoints = Array.from({ length: 17 }, () => ({ host: "h", port: 1 }));
  check({ endpoints }, ["endpoints array(17) must be an array of at most 16"]);
  const keys = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`k${index}`, ""]));
  check({ metadata: keys }, ["metadata of 65 keys must have at most 64"]);
  check({ metadata: { a: "x".repeat(9_000), b: "é".repeat(4_000) } }, [
    "of 17019 bytes must have at most 16384 when encoded",
  ]);
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`k${index}`, 1]));
  const parsed = parseInstanceDescription(many);
  assert.equal(!parsed.ok && parsed.problems.length, 100);
});

test("every description parses to itself", () => {
  fc.assert(
    fc.property(arbitraries.instanceDescription, (description) => {
      const input: unknown = JSON.parse(JSON.stringify(description));
      assert.deepEqual(parseInstanceDescription(input), { ok: true, description: input });
    }),
  );
});

test("any value is parsed or refused", () => {
  fc.assert(
    fc.property(fc.anything({ maxDepth: 3 }), (input) => {
      const parsed = parseInstanceDescription(input);
      assert.ok(parsed.ok || parsed.problems.length > 0);
    }),
    { numRuns: 1_000 },
  );
});
