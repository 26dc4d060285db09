import assert from "node:assert/strict";
import test from "node:test";
import { jwtVerify } from "jose";
import { runInMemory } from "../testing/memory-io.js";

const KEY = "a key of at least thirty-two bytes, shared";
const WORDS = ["token", "--subject", "ci", "--namespace", "shop", "--roles", "read,register"];

test("a token says who may do what until when, signed with the key", async () => {
  const environment = { FPZK_TOKEN_KEY: KEY };
  const result = await runInMemory([...WORDS, "--expires", "1h"], { environment });
  assert.equal(result.exitCode, 0, result.stderr);
  const { payload, protectedHeader } = await jwtVerify(result.stdout.trim(), Buffer.from(KEY), {
    algorithms: ["HS256"],
  });
  assert.equal(protectedHeader.alg, "HS256");
  const { sub, ns, roles, iat = 0, exp = 0 } = payload;
  assert.deepEqual({ sub, ns, roles }, { sub: "ci", ns: "shop", roles: ["read", "register"] });
  assert.ok(Math.abs(exp - iat - 3_600) <= 1, `${exp - iat}`);
});

test("the key comes from a file too, and --json tells what the token says", async () => {
  const files = { "/key": `${KEY}\n` };
  const result = await runInMemory([...WORDS, "--key-file", "/key", "--json"], { files });
  const { token, ...claims } = JSON.parse(result.stdout);
  await jwtVerify(token, Buffer.from(KEY));
  assert.equal(claims.subject, "ci");
  assert.ok(Date.parse(claims.expires) > Date.now());
});

test("everything wrong is told at once, never the key", async () => {
  const words = "token --roles admin --expires never --key short-secret".split(" ");
  const result = await runInMemory(words);
  assert.equal(result.exitCode, 2);
  assert.equal(result.stdout, "");
  for (const part of ["--roles", "--expires", "--subject", "the key has 12 bytes"]) {
    assert.ok(result.stderr.includes(part), part);
  }
  assert.ok(!result.stderr.includes("short-secret"));
  const without = await runInMemory(WORDS);
  assert.match(without.stderr, /no key to sign with: set FPZK_TOKEN_KEY/);
});
