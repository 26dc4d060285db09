import assert from "node:assert/strict";
import test from "node:test";
import { formatHostPort, isLoopbackHost, parseHostPort } from "./address.js";

function check(text: string, expected: string | undefined, defaultPort?: number) {
  const parsed = parseHostPort(text, defaultPort);
  assert.equal(parsed === undefined ? undefined : formatHostPort(parsed), expected, text);
}

test("addresses are read with and without a port", () => {
  check("127.0.0.1:7100", "127.0.0.1:7100");
  check("eu-1.example.net:7100", "eu-1.example.net:7100");
  check("[::1]:7100", "[::1]:7100");
  check("fpzk.internal", "fpzk.internal:7100", 7_100);
  check("::1", "[::1]:7100", 7_100);
});

test("what is no address is refused", () => {
  for (const text of ["", ":7100", "a:0", "a:65536", "a:b", "[a]:1", "a b:1", "1.2.3:1", "a"]) {
    check(text, undefined);
  }
});

test("loopback is told from what others can reach", () => {
  for (const host of ["127.0.0.1", "127.9.9.9", "::1", "localhost"]) {
    assert.ok(isLoopbackHost(host), host);
  }
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.example.net"]) {
    assert.ok(!isLoopbackHost(host), host);
  }
});
