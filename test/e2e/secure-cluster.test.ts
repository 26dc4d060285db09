/** P12 on a real cluster: TLS for all, peers by certificate, tokens with roles and namespaces. */
import assert from "node:assert/strict";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { ErrorCode } from "@fpzk/core";
import { type Authority, certificates, type Identity } from "../certificates.js";
import { exchange } from "./http-exchange.js";
import { CLUSTER_SECRET, RealCluster, until } from "./real-cluster.js";
import { type Ended, runFpzk, spawnFpzk } from "./run-fpzk.js";
import { ViewRecorder } from "./view-recorder.js";

const TOKEN_KEY = "a key of this test that nobody else has: 0123456789";
const OPERATOR = "static-operator-token-of-this-test";
const READER = "static-reader-token-of-this-test";
const REGIONS = ["us", "eu"];
const NODE_IDS = ["us-1", "us-2", "eu-1", "eu-2"];

describe("a cluster with TLS, mutual TLS and tokens", { timeout: 120_000 }, () => {
  let cluster: RealCluster;
  let folder: string;
  let authority: Authority;
  let caFile: string;
  /** Everything that must never stand in a log. */
  const secrets: string[] = [TOKEN_KEY, OPERATOR, READER, CLUSTER_SECRET];
  const signed = new Map<string, string>();

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "fpzk-secure-"));
    authority = await certificates.createAuthority("the CA of this test");
    caFile = join(folder, "ca.pem");
    await writeFile(caFile, authority.certificate.toString("pem"));
    for (const nodeId of NODE_IDS) await writeIdentity(nodeId, authority);
    await writeFile(join(folder, "token.key"), `${TOKEN_KEY}\n`);
    await writeFile(
      join(folder, "fpzk.yaml"),
      JSON.stringify({
        tokens: [
          { token: OPERATOR, name: "op", namespace: "*", roles: ["operate"] },
          { token: READER, name: "reader", namespace: "default", roles: ["read"] },
        ],
        tokenKeyFile: join(folder, "token.key"),
      }),
    );
    cluster = await RealCluster.start({ regions: REGIONS, flags, caFile, token: OPERATOR });
    for (const [roles, namespace] of [
      ["read", "default"],
      ["register", "default"],
      ["operate", "default"],
      ["operate", "other"],
    ] as const) {
      const token = await sign("--roles", roles, "--namespace", namespace);
      signed.set(`${roles}@${namespace}`, token);
    }
  });

  after(async () => {
    await cluster?.close();
    await rm(folder, { recursive: true });
  });

  function flags(nodeId: string): readonly string[] {
    const [certFile, keyFile] = filesOf(nodeId);
    return [
      ...["--config", join(folder, "fpzk.yaml"), "--log-level", "debug"],
      ...["--tls-cert-file", certFile, "--tls-key-file", keyFile, "--tls-ca-file", caFile],
    ];
  }

  function filesOf(name: string): [string, string] {
    return [join(folder, `${name}.cert.pem`), join(folder, `${name}.key.pem`)];
  }

  async function writeIdentity(name: string, issuer: Authority): Promise<Identity> {
    const identity = await certificates.issue(issuer, name);
    const [certFile, keyFile] = filesOf(name);
    await writeFile(certFile, identity.cert);
    await writeFile(keyFile, identity.key);
    return identity;
  }

  async function sign(...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await runFpzk(
      ["token", "--subject", "tester", "--expires", "1h", ...args],
      { FPZK_TOKEN_KEY_FILE: join(folder, "token.key") },
    );
    assert.equal(exitCode, 0, stderr);
    const token = stdout.trim();
    // The signature alone gives a token away too.
    secrets.push(token, token.split(".")[2] ?? "");
    return token;
  }

  function tokenOf(roles: "read" | "register" | "operate", namespace = "default"): string {
    const token = signed.get(`${roles}@${namespace}`);
    assert.ok(token !== undefined);
    return token;
  }

  /** A request with a token, and the status and code that it gets. */
  async function attempt(
    token: string | undefined,
    method: "GET" | "PUT" | "POST" | "DELETE",
    path: string,
    body?: unknown,
  ): Promise<{ status: number; code: unknown }> {
    const answer = await cluster.request("eu-2", path, { method, body, token });
    return { status: answer.status, code: (answer.body as { code?: unknown } | undefined)?.code };
  }

  function codeOf(code: ErrorCode) {
    return (error: unknown) => {
      assert.equal((error as { code: unknown }).code, code, String(error));
      return true;
    };
  }

  test("clients and curl see each other over TLS, with static and signed tokens", async () => {
    const service = "secured";
    const watcher = new ViewRecorder(
      await cluster.client("eu", { token: tokenOf("read") }),
      service,
    );
    await watcher.view.ready();
    const provider = await cluster.client("us", { token: tokenOf("register") });
    await provider.register({ service, id: "native", endpoints: [{ port: 80 }] });
    const lease = `/v1/services/${service}/instances/curl`;
    const endpoints = [{ host: "127.0.0.1", port: 81 }];
    const body = { ttl: "30s", endpoints };
    assert.equal((await attempt(tokenOf("register"), "PUT", lease, body)).status, 201);
    await until("both are shown", 5_000, () => watcher.ids.join() === "curl,native");
    assert.equal((await attempt(tokenOf("register"), "POST", `${lease}/renew`)).status, 204);
    for (const { nodeId } of cluster.servers) {
      const answer = await cluster.request(nodeId, `/v1/services/${service}`, { token: READER });
      const { instances } = answer.body as { instances: { id: string }[] };
      assert.deepEqual(instances.map(({ id }) => id).sort(), ["curl", "native"], nodeId);
    }
    assert.equal((await attempt(tokenOf("register"), "DELETE", lease)).status, 204);
    await until("one is left", 5_000, () => watcher.ids.join() === "native");
    await watcher.close();
    await provider.close();
  });

  test("the command line works over https, with --ca-file and with NODE_EXTRA_CA_CERTS", async () => {
    const provider = await cluster.client("us");
    await provider.register({ service: "told", id: "t-1", endpoints: [{ port: 80 }] });
    const shown = (ended: Ended) => {
      assert.equal(ended.exitCode, 0, ended.stderr);
      assert.match(ended.stdout, /t-1/);
    };
    await until(
      "eu-1 knows it",
      5_000,
      async () => (await cluster.query("eu-1", "told")).length > 0,
    );
    shown(await cluster.fpzk("eu-1", "instances", "told"));
    const command = ["instances", "told", "--server", cluster.urlOf("eu-1"), "--token", READER];
    shown(await runFpzk(command, { NODE_EXTRA_CA_CERTS: caFile }));
    const untrusting = await runFpzk(command);
    assert.notEqual(untrusting.exitCode, 0);
    assert.match(untrusting.stderr, /certificate/);
    const mute = await runFpzk(command.slice(0, -2), { NODE_EXTRA_CA_CERTS: caFile });
    assert.notEqual(mute.exitCode, 0);
    assert.match(mute.stderr, /token/);
    await provider.close();
  });

  test("P12 a role does what it may and no more", async () => {
    const path = "/v1/services/guarded/instances/g-1";
    const body = { ttl: "30s", endpoints: [{ host: "127.0.0.1", port: 80 }] };
    const denied = { status: 403, code: "permission_denied" };
    for (const token of [tokenOf("read"), READER]) {
      assert.deepEqual(await attempt(token, "PUT", path, body), denied);
      assert.deepEqual(await attempt(token, "DELETE", path), denied);
    }
    assert.equal((await attempt(tokenOf("register"), "PUT", path, body)).status, 201);
    const offline = { state: "offline" };
    assert.deepEqual(
      await attempt(tokenOf("register"), "PUT", `${path}/override`, offline),
      denied,
    );
    assert.deepEqual(await attempt(tokenOf("register"), "DELETE", `${path}/override`), denied);
    assert.deepEqual(await attempt(READER, "PUT", `${path}/override`, offline), denied);
    assert.equal(
      (await attempt(tokenOf("operate"), "PUT", `${path}/override`, offline)).status,
      200,
    );
    assert.equal((await attempt(OPERATOR, "DELETE", `${path}/override`)).status, 204);
    assert.equal((await attempt(tokenOf("operate"), "DELETE", path)).status, 204);
    await until("the operator's words are audited", 5_000, () => {
      const { log } = cluster.server("eu-2");
      return /audit\.override[^\n]*/.test(log) && log.includes('"principal":"tester"');
    });

    const reader = await cluster.client("us", { token: tokenOf("read") });
    const registration = { service: "guarded", id: "g-2", endpoints: [{ port: 80 }] };
    await assert.rejects(reader.register(registration), codeOf("permission_denied"));
    await until("it may read", 5_000, async () => (await reader.query("guarded")).length === 0);
    await reader.close();
  });

  test("P12 a token of another namespace sees nothing of this one", async () => {
    const provider = await cluster.client("eu", { token: tokenOf("operate") });
    await provider.register({ service: "private", id: "p-1", endpoints: [{ port: 80 }] });
    const stranger = tokenOf("operate", "other");
    const denied = { status: 403, code: "permission_denied" };
    const instance = "/v1/services/private/instances/p-1";
    for (const path of ["/v1/services", "/v1/services/private", instance]) {
      assert.deepEqual(await attempt(stranger, "GET", path), denied, path);
    }
    assert.deepEqual(await attempt(stranger, "GET", "/v1/services/private/watch"), denied);
    assert.deepEqual(await attempt(stranger, "DELETE", instance), denied);
    const offline = { state: "offline" };
    assert.deepEqual(await attempt(stranger, "PUT", `${instance}/override`, offline), denied);

    const own = await cluster.client("us", { token: stranger, namespace: "other" });
    const view = own.subscribe("private");
    await view.ready();
    assert.deepEqual(view.instances, [], "the same service name in its own namespace is empty");
    await own.register({ service: "private", id: "p-1", endpoints: [{ port: 81 }] });
    await until("it sees its own", 5_000, () => view.instances.length === 1);
    const [mine] = await provider.query("private");
    assert.equal(mine?.description.endpoints[0]?.port, 80, "and changed nothing of the other");
    await own.close();
    await provider.close();

    const limits = { connectTimeoutMs: 3_000 };
    await assert.rejects(
      cluster.client("us", { token: stranger, ...limits }),
      codeOf("permission_denied"),
    );
    await assert.rejects(
      cluster.client("us", { token: `${stranger}x`, ...limits }),
      codeOf("unauthenticated"),
    );
    assert.deepEqual(await attempt("made-up-token-of-nobody", "GET", "/v1/services"), {
      status: 401,
      code: "unauthenticated",
    });
  });

  test("a certificate replaced on disk is shown to new connections; old sessions live on", async () => {
    const watcher = new ViewRecorder(await cluster.client("us"), "lasting");
    await watcher.view.ready();
    const provider = await cluster.client("eu");
    await provider.register({ service: "lasting", id: "l-1", endpoints: [{ port: 80 }] });
    await until("shown", 5_000, () => watcher.livenessOf("l-1") === "alive");
    const nodeIds = [watcher.connectedNodeId, provider.connectedNodeId];
    const recordedCount = watcher.recorded.length;

    const serials = new Map<string, string>();
    for (const nodeId of NODE_IDS) {
      serials.set(nodeId, (await writeIdentity(nodeId, authority)).serialNumber);
    }
    for (const [nodeId, serialNumber] of serials) {
      await until(`${nodeId} shows the new certificate`, 15_000, async () => {
        const shown = (await cluster.request(nodeId, "/readyz")).serialNumber ?? "";
        return Number.parseInt(shown, 16) === Number.parseInt(serialNumber, 16);
      });
    }
    await provider.register({ service: "lasting", id: "l-2", endpoints: [{ port: 80 }] });
    await until("the old sessions still work", 5_000, () => watcher.ids.join() === "l-1,l-2");
    assert.deepEqual([watcher.connectedNodeId, provider.connectedNodeId], nodeIds);
    const changes = watcher.recorded.slice(recordedCount).map(({ change }) => change.type);
    assert.deepEqual(changes, ["added"], "nobody was disconnected or suspected");

    // A peer that starts now and those that run trust each other's new certificates.
    await cluster.stopServer("us-2", "SIGTERM");
    cluster.startServer("us-2");
    await cluster.ready("us-2");
    await cluster.seesAll();
    await watcher.close();
    await provider.close();
  });

  test("P12 a peer of another CA is refused and costs nothing", async () => {
    const watcher = new ViewRecorder(await cluster.client("us"), "undisturbed");
    await watcher.view.ready();
    const provider = await cluster.client("us");
    await provider.register({ service: "undisturbed", id: "u-1", endpoints: [{ port: 80 }] });
    await until("shown", 5_000, () => watcher.livenessOf("u-1") === "alive");
    const recordedCount = watcher.recorded.length;

    const strangers = await certificates.createAuthority("another CA");
    const [certFile, keyFile] = filesOf("intruder");
    await writeIdentity("intruder", strangers);
    const ownCaFile = join(folder, "intruder.ca.pem");
    // It trusts the cluster's CA, knows the cluster secret, and still may not enter.
    await copyFile(caFile, ownCaFile);
    const us1 = cluster.server("us-1");
    const intruder = spawnFpzk([
      ...["server", "--node-id", "intruder", "--region", "us", "--port", "0", "--log", "json"],
      ...["--seeds", us1.address, "--cluster-secret", CLUSTER_SECRET, "--log-level", "debug"],
      ...["--tls-cert-file", certFile, "--tls-key-file", keyFile, "--tls-ca-file", ownCaFile],
    ]);
    let said = "";
    intruder.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    try {
      await until("it was refused", 15_000, () => /rejected/.test(said) || /403/.test(said));
      await until("us-1 counted it", 5_000, async () => {
        const { body } = await cluster.request("us-1", "/metrics");
        return /fpzk_refused_inputs_total\{[^}]*link[^}]*\} [1-9]/.test(String(body));
      });
      for (const { nodeId } of cluster.servers) {
        assert.deepEqual(await cluster.aliveNodes(nodeId), [...NODE_IDS].sort(), nodeId);
      }
      const { body } = await cluster.request("us-1", "/v1/nodes");
      assert.equal(JSON.stringify(body).includes("intruder"), false);
    } finally {
      intruder.kill("SIGKILL");
    }
    assert.equal(watcher.recorded.length, recordedCount, "subscribers noticed nothing");
    await watcher.close();
    await provider.close();
  });

  test("plain text gets nothing past the tokens, and TLS with the wrong CA is not spoken", async () => {
    const { address } = cluster.server("us-1");
    const answer = await exchange(`http://${address}/v1/services`);
    assert.equal(answer.status, 401);
    await assert.rejects(exchange(`https://${address}/v1/services`, { token: OPERATOR }), {
      code: "SELF_SIGNED_CERT_IN_CHAIN",
    });
  });

  test("P12 no token and no secret stands in any log", () => {
    for (const { nodeId, log } of cluster.servers) {
      assert.match(log, /server\.started/, `${nodeId} logged something`);
      for (const secret of secrets) {
        assert.equal(log.includes(secret), false, `${nodeId} logged ${secret.slice(0, 12)}…`);
      }
      assert.equal(/PRIVATE KEY/.test(log), false, nodeId);
    }
  });
});
