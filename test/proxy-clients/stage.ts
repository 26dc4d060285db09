/**
 * What foreign clients meet: a registry, registered instances, and `fpzk proxy` in processes of
 * their own, one in clear and one with TLS.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { certificates } from "../certificates.js";
import { ManagedProcess } from "../deploys/managed-process.js";
import { Registry } from "../integrations/registry.js";
import { startGrpcEcho } from "./grpc-echo.js";
import { createWebInstance, WebState } from "./web-instance.js";

const START_TIMEOUT_MS = 30_000;

export interface Scheme {
  /** `http://…` or `https://localhost:…`. */
  readonly url: string;
  readonly port: number;
  readonly process: ManagedProcess;
}

export interface Stage {
  readonly clear: Scheme;
  readonly secured: Scheme;
  /** The CA of the secured one, as text and as a file. */
  readonly ca: string;
  readonly caFile: string;
  readonly folder: string;
  readonly state: WebState;
}

/** Two instances of the web application (`web`), one of gRPC (`grpc-echo`), two proxies. */
export async function startStage(t: TestContext): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), "fpzk-clients-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const registry = await Registry.start(t);
  const state = new WebState();
  for (const id of ["web-1", "web-2"]) {
    const server = createWebInstance(state);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => {
      server.close();
      server.closeAllConnections();
    });
    await registry.register("web", id, { port: (server.address() as AddressInfo).port });
  }
  const grpc = await startGrpcEcho(t);
  await registry.register("grpc-echo", "grpc-1", { port: grpc.port, protocol: "grpc" });
  const authority = await certificates.createAuthority("ca");
  const { cert, key } = await certificates.issue(authority, "proxy");
  const [caFile, certFile, keyFile] = ["ca.pem", "cert.pem", "key.pem"].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  const ca = authority.certificate.toString("pem");
  await Promise.all([writeFile(caFile, ca), writeFile(certFile, cert), writeFile(keyFile, key)]);
  const start = (name: string, more: object): Promise<Scheme> =>
    startProxyProcess(t, join(folder, `${name}.yaml`), {
      registry: { servers: [registry.address] },
      routes: [{ service: "grpc-echo", pathPrefix: "/test.Echo" }, { service: "web" }],
      ...more,
    });
  const [clear, secured] = await Promise.all([
    start("clear", {}),
    start("secured", { tls: { certFile, keyFile } }),
  ]);
  return { clear, secured, ca, caFile, folder, state };
}

/** `fpzk proxy` with this configuration; ends with the test. */
export async function startProxyProcess(
  t: TestContext,
  configFile: string,
  config: object,
): Promise<Scheme> {
  // JSON is YAML, too.
  const whole = { port: 0, log: "json", accessLog: "json", drainTimeout: "1ms", ...config };
  await writeFile(configFile, JSON.stringify(whole));
  const process = ManagedProcess.fpzk("proxy", ["proxy", "--config", configFile], () => {});
  t.after(() => process.stop());
  const ready = /"url":"(https?):\/\/[^":]+:(\d+)".*"event":"proxy.ready"/;
  const [, scheme = "", port = ""] = await process.says(ready, START_TIMEOUT_MS);
  const host = scheme === "https" ? "localhost" : "127.0.0.1";
  return { url: `${scheme}://${host}:${port}`, port: Number(port), process };
}
