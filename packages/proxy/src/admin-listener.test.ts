/** What operators ask of a proxy, and what a web page is kept from asking. */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { AdminOptions } from "./options.js";
import { rawExchange, startFixture } from "./proxy-fixture.test.util.js";

async function startAdmin(t: TestContext, admin: Omit<AdminOptions, "port"> = {}) {
  const { proxy } = await startFixture(t, { admin: { port: 0, ...admin } });
  const port = proxy.adminPort ?? 0;
  const ask = async (path: string, host: string | undefined): Promise<string> => {
    const head = host === undefined ? "HTTP/1.0\r\n" : `HTTP/1.1\r\nHost: ${host}\r\n`;
    return await rawExchange(port, `GET ${path} ${head}Connection: close\r\n\r\n`);
  };
  return { port, ask };
}

describe("the admin listener", () => {
  it("answers every path to who calls it by an address or a name of its own", async (t) => {
    const { port, ask } = await startAdmin(t, { host: "localhost", hostNames: ["Node-1.Example"] });
    for (const path of ["/", "/healthz", "/readyz", "/metrics", "/v1/diagnostics"]) {
      assert.match(await ask(path, `127.0.0.1:${port}`), /^HTTP\/1\.1 200 OK\r\n/, path);
    }
    for (const host of [`[::1]:${port}`, "localhost", "node-1.example", undefined]) {
      assert.match(await ask("/v1/diagnostics", host), /^HTTP\/1\.1 200 OK\r\n/, host);
    }
  });

  it("refuses a page whose name was made to resolve here, whatever it asks for", async (t) => {
    const { port, ask } = await startAdmin(t);
    for (const path of ["/", "/healthz", "/readyz", "/metrics", "/v1/diagnostics", "/other"]) {
      const answer = await ask(path, `evil.example:${port}`);
      assert.match(answer, /^HTTP\/1\.1 403 Forbidden\r\n/, path);
      assert.match(answer, /\r\ncontent-type: application\/problem\+json\r\n/);
      assert.match(
        answer,
        /"code":"permission_denied".*Host .*evil\.example:\d+.*admin\.hostNames/,
      );
      assert.doesNotMatch(answer, /echo|access-control/i);
    }
  });
});
