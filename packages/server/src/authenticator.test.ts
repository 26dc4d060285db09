import assert from "node:assert/strict";
import test from "node:test";
import { SignJWT } from "jose";
import { bearerToken, createAuthenticator, signToken } from "./authenticator.js";

const KEY = "k".repeat(32);
const reader = {
  token: "secret-a",
  name: "reader",
  namespace: "shop",
  roles: ["read"] as const,
};

test("without tokens configured everybody may do everything", async () => {
  const authenticator = createAuthenticator({ staticTokens: [], tokenKey: undefined });
  const principal = await authenticator.authenticate("whatever");
  assert.equal(authenticator.asksForTokens, false);
  assert.deepEqual(principal.grantsOf("any"), {
    mayRead: true,
    mayRegister: true,
    mayOperate: true,
  });
});

test("a static token grants its roles in its namespace only", async () => {
  const authenticator = createAuthenticator({ staticTokens: [reader], tokenKey: undefined });
  const principal = await authenticator.authenticate("secret-a");
  assert.equal(principal.name, "reader");
  assert.deepEqual(principal.grantsOf("shop"), {
    mayRead: true,
    mayRegister: false,
    mayOperate: false,
  });
  assert.equal(principal.grantsOf("other").mayRead, false);
});

test("missing, unknown and oversized tokens are refused", async () => {
  const authenticator = createAuthenticator({ staticTokens: [reader], tokenKey: KEY });
  for (const token of [undefined, "", "secret-b", "secret-a ", "x".repeat(5_000), "a.b.c"]) {
    await assert.rejects(authenticator.authenticate(token), { code: "unauthenticated" });
  }
});

test("a signed token carries subject, namespace, roles and expiry", async () => {
  const authenticator = createAuthenticator({ staticTokens: [], tokenKey: KEY });
  const token = await signToken(KEY, {
    subject: "deploy",
    namespace: "*",
    roles: ["operate"],
    ttlMs: 60_000,
  });
  const principal = await authenticator.authenticate(token);
  assert.equal(principal.name, "deploy");
  assert.equal(principal.grantsOf("shop").mayOperate, true);
  assert.ok((principal.expiresWallMs ?? 0) > 0);
});

test("expired, foreign and unsigned tokens are refused", async () => {
  const authenticator = createAuthenticator({ staticTokens: [], tokenKey: KEY });
  const claims = { subject: "a", namespace: "*", roles: ["read"] as const };
  const expired = await signToken(KEY, { ...claims, ttlMs: -60_000 });
  const foreign = await signToken("f".repeat(32), { ...claims, ttlMs: 60_000 });
  const withoutExpiry = await new SignJWT({ ns: "*", roles: ["read"] })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject("a")
    .sign(Buffer.from(KEY));
  const none = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from(
    '{"sub":"a","ns":"*","roles":["operate"],"exp":9999999999}',
  ).toString("base64url")}.`;
  for (const token of [expired, foreign, withoutExpiry, none]) {
    await assert.rejects(authenticator.authenticate(token), { code: "unauthenticated" });
  }
});

test("a short signing key is refused at start", () => {
  assert.throws(() => createAuthenticator({ staticTokens: [], tokenKey: "short" }), {
    code: "invalid_argument",
  });
});

test("bearer tokens of a header", () => {
  assert.equal(bearerToken({}), undefined);
  assert.equal(bearerToken({ authorization: "Bearer abc.def" }), "abc.def");
  assert.equal(bearerToken({ authorization: "bearer abc" }), "abc");
  for (const authorization of ["", "Basic abc", "Bearer", "Bearer a b"]) {
    assert.throws(() => bearerToken({ authorization }), { code: "unauthenticated" });
  }
});
