import assert from "node:assert/strict";
import test from "node:test";
import { formatHostPort, parseHostPort } from "./host-port.js";

test("addresses that are understood", () => {
  const check = (text: string, host: string, port: number) => {
    assert.deepEqual(parseHostPort(text), { host, port });
    assert.deepEqual(parseHostPort(formatHostPort({ host, port })), { host, port });
  };
  check("registry.example:7101", "registry.example", 7101);
  check("registry.example", "registry.example", 7100);
  check("10.0.0.1:1", "10.0.0.1", 1);
  check("[::1]:7100", "::1", 7100);
  check("[fe80::1]", "fe80::1", 7100);
  check("::1", "::1", 7100);
});

test("addresses that are refused", () => {
  for (const text of [
    "",
    ":7100",
    "a:0",
    "a:65536",
    "a:b",
    "[a]:1",
    "[::1:7100",
    "a b:1",
    "a/b:1",
  ]) {
    assert.throws(() => parseHostPort(text), { code: "invalid_argument" }, text);
  }
});
