/**
 * Instances that speak TLS, behind every way in which a program calls them. HTTP checks the
 * certificate against the host of the instance's endpoint, gRPC against the service's name.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingMessage, request as plainRequest } from "node:http";
import { createServer, request } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { it, type TestContext } from "node:test";
import type { RegistryError } from "@fpzk/client";
import { registerGrpc } from "@fpzk/client/grpc";
import { createHttpAgent, createHttpsAgent } from "@fpzk/client/http";
import { createDispatcher } from "@fpzk/client/undici";
import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  credentials,
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
} from "@grpc/grpc-js";
import { Agent } from "undici";
import { certificates, type Identity } from "../certificates.js";
import { bindLoopback, bytesMethod, identity } from "../grpc-bytes.js";
import { Registry, seen } from "./registry.js";

const WHO = bytesMethod("/test.Who/who");

const trusted = await certificates.createAuthority("trusted");
const unknown = await certificates.createAuthority("unknown");
const ca = trusted.certificate.toString("pem");
const local = await certificates.issue(trusted, "instance");
const elsewhere = await certificates.issue(trusted, "instance", "elsewhere.test");
const untrusted = await certificates.issue(unknown, "instance");

interface SecuredInstance {
  readonly service: string;
  readonly id: string;
  readonly host: string;
  readonly identity: Identity;
  readonly protocol?: string;
}

async function startHttps(
  t: TestContext,
  registry: Registry,
  { service, id, host, identity: shown, protocol = "http" }: SecuredInstance,
): Promise<void> {
  const server = createServer(shown, (_asked, response) => response.end(id));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const tls = protocol === "http";
  await registry.register(service, id, { host, port, protocol, tls });
}

/** `secure` has three good instances; `elsewhere` and `untrusted` have one bad one each. */
async function setUp(t: TestContext) {
  const registry = await Registry.start(t);
  const instances: readonly SecuredInstance[] = [
    { service: "secure", id: "by-address", host: "127.0.0.1", identity: local },
    { service: "secure", id: "by-name", host: "localhost", identity: local },
    { service: "secure", id: "https", host: "localhost", identity: local, protocol: "https" },
    { service: "elsewhere", id: "e", host: "localhost", identity: elsewhere },
    { service: "untrusted", id: "u", host: "localhost", identity: untrusted },
  ];
  for (const instance of instances) await startHttps(t, registry, instance);
  const client = await registry.connect();
  await seen(client, "secure", 3);
  return { registry, client };
}

const ALL = new Set(["by-address", "by-name", "https"]);

function rejectsWith(code: string, ...texts: readonly (string | RegExp)[]) {
  return (error: NodeJS.ErrnoException | RegistryError): true => {
    assert.equal(error.code, code, error.message);
    for (const expected of texts) assert.match(error.message, new RegExp(expected));
    return true;
  };
}

const MISNAMED = rejectsWith("ERR_TLS_CERT_ALTNAME_INVALID", "Host: localhost", "elsewhere.test");
const UNTRUSTED = rejectsWith("UNABLE_TO_VERIFY_LEAF_SIGNATURE");

it("an https agent checks the host of each instance, and keeps connections", async (t) => {
  const { registry, client } = await setUp(t);
  const agent = createHttpsAgent(client, { ca });
  t.after(() => agent.destroy());
  const ask = async (service: string): Promise<[string, boolean]> => {
    const asked = request(`https://${service}.fpzk/`, { agent }).end();
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    return [await text(answer), asked.reusedSocket];
  };
  const first = [await ask("secure"), await ask("secure"), await ask("secure")];
  assert.deepEqual(new Set(first.map(([id]) => id)), ALL);
  assert.deepEqual(
    [await ask("secure"), await ask("secure"), await ask("secure")].map(([, isReused]) => isReused),
    [true, true, true],
  );
  await assert.rejects(ask("elsewhere"), MISNAMED);
  await assert.rejects(ask("untrusted"), UNTRUSTED);
  await registry.http(t, { service: "plain", id: "p", listener: (_asked, answer) => answer.end() });
  const wrongAgent = rejectsWith("failed_precondition", "p is http://", "use http: and createHttp");
  await assert.rejects(ask("plain"), wrongAgent);
});

it("an http agent says that an instance needs the other one", async (t) => {
  const { client } = await setUp(t);
  const agent = createHttpAgent(client);
  t.after(() => agent.destroy());
  const answered = once(plainRequest("http://secure.fpzk/", { agent }).end(), "response");
  const isOther = rejectsWith("failed_precondition", "is https://", "createHttpsAgent");
  await assert.rejects(answered, isOther);
});

it("an undici dispatcher speaks TLS with the authorities of its agent", async (t) => {
  const { registry, client } = await setUp(t);
  const dispatcher = createDispatcher(client, new Agent({ connect: { ca } }));
  t.after(() => dispatcher.close());
  const ask = async (service: string): Promise<string> => {
    const options = { origin: `fpzk://${service}`, path: "/", method: "GET" } as const;
    return await (await dispatcher.request(options)).body.text();
  };
  const answers = [await ask("secure"), await ask("secure"), await ask("secure")];
  assert.deepEqual(new Set(answers), ALL);
  await assert.rejects(ask("elsewhere"), MISNAMED);
  await assert.rejects(ask("untrusted"), UNTRUSTED);
  // Nothing was sent there, so another is asked.
  const good = { service: "untrusted", id: "good", host: "localhost", identity: local };
  await startHttps(t, registry, good);
  await seen(client, "untrusted", 2);
  for (let call = 0; call < 4; call += 1) assert.equal(await ask("untrusted"), "good");
});

it("fetch says which certificate it expected, and what to do", async (t) => {
  const { client } = await setUp(t);
  const dispatcher = new Agent({ connect: { ca } });
  t.after(() => dispatcher.close());
  const ask = async (service: string): Promise<string> => {
    const init = { dispatcher } as unknown as RequestInit;
    return await (await client.fetch(`fpzk://${service}/`, init)).text();
  };
  const answers = [await ask("secure"), await ask("secure"), await ask("secure")];
  assert.deepEqual(new Set(answers), ALL);
  const at = "at https://localhost:\\d+: ";
  const mustName = "the certificate must name the host of the instance's endpoint$";
  const misnamed = rejectsWith("unavailable", `${at}Hostname/IP`, "elsewhere.test", mustName);
  await assert.rejects(ask("elsewhere"), misnamed);
  const mustTrust = "unable to verify .*NODE_EXTRA_CA_CERTS$";
  await assert.rejects(ask("untrusted"), rejectsWith("unavailable", `${at}${mustTrust}`));
});

function secured({ cert, key }: Identity): ServerCredentials {
  const pair = { cert_chain: Buffer.from(cert), private_key: Buffer.from(key) };
  return ServerCredentials.createSsl(null, [pair]);
}

async function startGrpc(
  t: TestContext,
  registry: Registry,
  { service, shown, protocol }: { service: string; shown?: Identity; protocol: string },
): Promise<void> {
  const who: handleUnaryCall<Buffer, Buffer> = (_call, answer) =>
    answer(null, Buffer.from(service));
  const server = new Server();
  server.addService({ who: WHO }, { who });
  const isPlain = shown === undefined;
  const port = await bindLoopback(
    server,
    isPlain ? ServerCredentials.createInsecure() : secured(shown),
  );
  t.after(() => server.forceShutdown());
  await registry.register(service, "g", { port, protocol, tls: !isPlain && protocol === "grpc" });
}

function who(
  t: TestContext,
  service: string,
  options: ChannelOptions = {},
  trust: ChannelCredentials = credentials.createSsl(Buffer.from(ca)),
): Promise<string> {
  const client = new Client(`fpzk:///${service}`, trust, options);
  t.after(() => client.close());
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + 10_000;
    const parts = [WHO.path, identity, identity, Buffer.alloc(0), new Metadata()] as const;
    client.makeUnaryRequest(...parts, { deadline }, (error, answer) =>
      error === null ? resolve(String(answer)) : reject(error),
    );
  });
}

it("gRPC checks the service's name or the one it is told, and says what failed", async (t) => {
  const registry = await Registry.start(t);
  const named = await certificates.issue(trusted, "instance", "named");
  await startGrpc(t, registry, { service: "named", shown: named, protocol: "grpc" });
  await startGrpc(t, registry, { service: "local", shown: local, protocol: "grpcs" });
  await startGrpc(t, registry, { service: "untrusted", shown: untrusted, protocol: "grpcs" });
  await startGrpc(t, registry, { service: "plain", protocol: "grpc" });
  registerGrpc(await registry.connect());
  assert.equal(await who(t, "named"), "named");
  const override = { "grpc.ssl_target_name_override": "localhost" };
  assert.equal(await who(t, "local", override), "local");
  const fails = async (answered: Promise<string>, ...texts: readonly string[]): Promise<void> => {
    await assert.rejects(answered, (error: Error) => {
      assert.match(error.message, /^14 UNAVAILABLE: no instance of \w+ can be reached/);
      for (const expected of texts) assert.ok(error.message.includes(expected), error.message);
      return true;
    });
  };
  await fails(
    who(t, "local"),
    "g at 127.0.0.1:",
    "Host: local. is not in the cert's altnames: IP Address:127.0.0.1, DNS:localhost",
    "the certificate must name the service, or what grpc.ssl_target_name_override says",
  );
  await fails(who(t, "untrusted"), "unable to verify the first", "credentials.createSsl()");
  await fails(who(t, "plain"), "speaks no TLS", "use credentials.createInsecure()");
  await fails(who(t, "named", {}, credentials.createInsecure()), "which speaks TLS: ");
});
