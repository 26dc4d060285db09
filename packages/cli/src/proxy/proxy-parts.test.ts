import assert from "node:assert/strict";
import test from "node:test";
import type { ProxyCertificates } from "@fpzk/proxy";
import type { Logger } from "@fpzk/server";
import { parseConfig } from "../config/parse-config.js";
import { proxyConfigKind } from "../config/proxy-config.js";
import type { Io } from "../io.js";
import { watchPemFiles } from "./proxy-parts.js";

test("certificate files that change are passed on, and told while they do not fit", async () => {
  const text = "dynamic: true\ncertificateCheck: 5ms\ntls: {certFile: c.pem, keyFile: k.pem}";
  const file = { name: "p.yaml", text };
  const parsed = parseConfig(proxyConfigKind, { file, environment: {}, flags: new Map() });
  assert.ok(parsed.isGood);
  const files = new Map([
    ["c.pem", "old"],
    ["k.pem", "old"],
  ]);
  const io = { readFile: (path: string) => files.get(path) ?? "" } as unknown as Io;
  const refused: string[] = [];
  const logger = { error: (event: string) => refused.push(event) } as unknown as Logger;
  // The look itself keeps no process alive.
  const keepAlive = setInterval(() => {}, 1_000);
  const replaced = await new Promise<ProxyCertificates>((resolve) => {
    const stop = watchPemFiles(parsed.config, io, logger, {
      replaceCertificates: (next) => {
        if (next.tls?.cert !== next.tls?.key) {
          // The other half is written only now.
          files.set("k.pem", "new");
          throw new Error("the key does not fit");
        }
        stop();
        resolve(next);
      },
    });
    files.set("c.pem", "new");
  });
  clearInterval(keepAlive);
  assert.deepEqual(replaced.tls, { cert: "new", key: "new" });
  assert.deepEqual(refused, ["proxy.certificates_refused"]);
});
