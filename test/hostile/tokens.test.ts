/** Tokens that do not carry the right: refused over HTTP and in sessions, counted, no harm. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { signToken } from "@fpzk/server";
import { Bystander } from "./bystander.js";
import { HostileServer } from "./hostile-server.js";
import { helloOf, itemOf, RawSession } from "./raw-attacker.js";

const KEY = "a key of more than thirty-two bytes, for tests";
const QUERY = "/v1/namespaces/default/services/bystander";

describe("hostile tokens", { timeout: 120_000 }, () => {
  let server: HostileServer;
  let bystander: Bystander;
  let foreign: string;

  before(async () => {
    const sign = (namespace: string, roles: readonly ("read" | "register" | "operate")[]) =>
      signToken(KEY, { subject: "test", namespace, roles, ttlMs: 600_000 });
    const all = await sign("*", ["read", "register", "operate"]);
    foreign = await sign("other", ["read", "register", "operate"]);
    server = await HostileServer.start({
      nodeId: "victim",
      arguments: ["--token-key", KEY],
      token: all,
    });
    bystander = await Bystander.join(server, { token: await sign("default", ["register"]) });
  });

  after(async () => {
    await bystander[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  /** Tries a token over HTTP and in a session. */
  async function isRefused(token: string, code: string, status: number): Promise<void> {
    await server.counts({ source: "http", code }, async () => {
      const answer = await fetch(`${server.url}${QUERY}`, {
        headers: token === "" ? {} : { authorization: `Bearer ${token}` },
      });
      assert.equal(answer.status, status);
      assert.equal(((await answer.json()) as { code: string }).code, code);
    });
    await server.counts({ source: "session", code }, async () => {
      const session = await RawSession.open(server.port);
      session.send(helloOf({ token }));
      const { code: closeCode, reason } = await session.closed;
      assert.equal(closeCode, 1008);
      assert.ok(reason.startsWith(`${code}: `), reason);
      assert.ok(token === "" || !reason.includes(token), "the token itself is not repeated");
    });
    await bystander.unharmed();
  }

  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const seconds = () => Math.floor(Date.now() / 1_000);
  const claims = { sub: "x", ns: "default", roles: ["read"] };
  const jwt = (header: unknown, payload: unknown, key = KEY) => {
    const text = `${encode(header)}.${encode(payload)}`;
    return `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
  };
  const HS256 = { alg: "HS256", typ: "JWT" };

  test("no token", () => isRefused("", "unauthenticated", 401));
  test("another namespace's token", () => isRefused(foreign, "permission_denied", 403));
  test("garbage", () => isRefused("garbage", "unauthenticated", 401));
  test("garbage of 5 kB", () => isRefused("x".repeat(5_000), "unauthenticated", 401));
  test("an expired token", () =>
    isRefused(jwt(HS256, { ...claims, exp: seconds() - 10 }), "unauthenticated", 401));
  test("a token that never expires", () => isRefused(jwt(HS256, claims), "unauthenticated", 401));
  test("alg none, with and without a signature", async () => {
    const payload = { ...claims, exp: seconds() + 600 };
    const none = `${encode({ alg: "none" })}.${encode(payload)}.`;
    await isRefused(none, "unauthenticated", 401);
    await isRefused(jwt({ alg: "none" }, payload), "unauthenticated", 401);
  });
  test("another key, another algorithm, roles that are none", async () => {
    const payload = { ...claims, exp: seconds() + 600 };
    await isRefused(
      jwt(HS256, payload, "another key, also long enough to be one"),
      "unauthenticated",
      401,
    );
    await isRefused(jwt({ alg: "HS512" }, payload), "unauthenticated", 401);
    await isRefused(jwt(HS256, { ...payload, roles: ["root"] }), "unauthenticated", 401);
    await isRefused(jwt(HS256, { ...payload, ns: "" }), "unauthenticated", 401);
  });

  test("a token of 10 kB, of 1 MB", async () => {
    for (const length of [10_000, 1_000_000]) {
      await server.counts(
        { source: "session", code: length === 10_000 ? "invalid_argument" : "resource_exhausted" },
        async () => {
          const session = await RawSession.open(server.port);
          session.send(helloOf({ token: "x".repeat(length) }));
          await session.closed;
        },
      );
    }
    await server.counts({ source: "http", code: "unauthenticated" }, async () => {
      const headers = { authorization: `Bearer ${"x".repeat(10_000)}` };
      assert.equal((await fetch(`${server.url}${QUERY}`, { headers })).status, 401);
    });
    await bystander.unharmed();
  });

  test("a reader that registers, and a namespace's token that reaches for another", async () => {
    const reader = await signToken(KEY, {
      subject: "reader",
      namespace: "default",
      roles: ["read"],
      ttlMs: 600_000,
    });
    await server.counts({ source: "session", code: "permission_denied" }, async () => {
      const session = await RawSession.welcomed(server.port, { token: reader });
      session.register(1, [itemOf("a", "b")]);
      assert.equal((await session.receive("refused")).code, "permission_denied");
      session.close();
    });
    await server.counts({ source: "http", code: "permission_denied" }, async () => {
      for (const [method, path] of [
        ["PUT", "/v1/namespaces/default/services/a/instances/b"],
        ["DELETE", "/v1/namespaces/default/services/bystander/instances/b-1"],
      ] as const) {
        const answer = await fetch(`${server.url}${path}`, {
          method,
          headers: { authorization: `Bearer ${foreign}`, "content-type": "application/json" },
          ...(method === "PUT"
            ? { body: JSON.stringify({ endpoints: [{ host: "a", port: 1 }] }) }
            : {}),
        });
        assert.ok([400, 403].includes(answer.status), `${method} ${answer.status}`);
        assert.equal(((await answer.json()) as { code: string }).code, "permission_denied");
      }
    });
    await bystander.unharmed();
  });
});
