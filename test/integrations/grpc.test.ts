/** `fpzk:///service` in `@grpc/grpc-js`: real gRPC servers, registered by real clients. */
import assert from "node:assert/strict";
import { it, type TestContext } from "node:test";
import type { FpzkClient, RegistrationHandle } from "@fpzk/client";
import { registerGrpc } from "@fpzk/client/grpc";
import {
  Client,
  credentials,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { bindLoopback, bytesMethod, identity } from "../grpc-bytes.js";
import { loadOf, Registry, untilUnused } from "./registry.js";

const SERVICE = {
  who: bytesMethod("/test.Who/who"),
  hold: bytesMethod("/test.Who/hold", { responseStream: true }),
};

interface GrpcInstance {
  readonly id: string;
  readonly server: Server;
  readonly handle: RegistrationHandle;
  /** Ends the streams that it holds. */
  letGo(): void;
}

async function startInstance(
  t: TestContext,
  registry: Registry,
  id: string,
): Promise<GrpcInstance> {
  const held: (() => void)[] = [];
  const who: handleUnaryCall<Buffer, Buffer> = (_call, answer) => answer(null, Buffer.from(id));
  const hold: handleServerStreamingCall<Buffer, Buffer> = (call) => {
    call.write(Buffer.from(id));
    held.push(() => {
      call.write(Buffer.from("end"));
      call.end();
    });
  };
  const server = new Server();
  server.addService(SERVICE, { who, hold });
  const port = await bindLoopback(server, ServerCredentials.createInsecure());
  t.after(() => server.forceShutdown());
  const handle = await registry.register("who", id, { port, protocol: "grpc" });
  const letGo = (): void => {
    for (const end of held.splice(0)) end();
  };
  return { id, server, handle, letGo };
}

function channel(t: TestContext, options: object = {}): Client {
  const client = new Client("fpzk:///who", credentials.createInsecure(), options);
  t.after(() => client.close());
  return client;
}

function who(client: Client, metadata = new Metadata()): Promise<string> {
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + 10_000;
    const { path } = SERVICE.who;
    client.makeUnaryRequest(
      ...([path, identity, identity, Buffer.from(""), metadata, { deadline }] as const),
      (error, answer) => (error === null ? resolve(String(answer)) : reject(error)),
    );
  });
}

/** Calls until so many instances have answered. */
async function untilSeen(client: Client, count: number): Promise<void> {
  const seen = new Set<string>();
  while (seen.size < count) seen.add(await who(client));
}

async function setUp(t: TestContext, count: number, options: Parameters<Registry["connect"]>[0]) {
  const registry = await Registry.start(t);
  const ids = Array.from({ length: count }, (_, index) => `g${index}`);
  const instances = await Promise.all(ids.map((id) => startInstance(t, registry, id)));
  const caller: FpzkClient = await registry.connect(options);
  registerGrpc(caller);
  return { registry, instances, caller };
}

it("P7 no call fails while gRPC instances drain and end, and streams there finish", async (t) => {
  const { instances, caller } = await setUp(t, 4, {});
  const client = channel(t);
  await untilSeen(client, 4);
  let isOver = false;
  let callCount = 0;
  const callers = Array.from({ length: 8 }, async () => {
    try {
      while (!isOver) {
        await who(client);
        callCount += 1;
      }
    } finally {
      isOver = true;
    }
  });
  const streams = Array.from({ length: 8 }, async () => {
    const call = client.makeServerStreamRequest(
      SERVICE.hold.path,
      identity,
      identity,
      Buffer.alloc(0),
    );
    const parts: string[] = [];
    for await (const part of call) parts.push(String(part));
    return parts.at(-1);
  });
  const { subscription } = caller.caller("who", "grpc");
  const rolling = (async () => {
    for (const instance of instances.slice(0, 3)) {
      const before = callCount;
      while (!isOver && callCount < before + 50) await who(client);
      const load = loadOf(subscription, instance.id);
      assert.deepEqual((await instance.handle.drain()).unconfirmed, []);
      instance.letGo();
      await untilUnused(load);
      // What comes now would be refused.
      await new Promise<void>((resolve, reject) => {
        instance.server.tryShutdown((error) => (error === undefined ? resolve() : reject(error)));
      });
    }
    for (const instance of instances) instance.letGo();
    isOver = true;
  })();
  await Promise.all([...callers, rolling]);
  assert.ok(callCount >= 150);
  assert.deepEqual(new Set(await Promise.all(streams)), new Set(["end"]));
  const active = subscription.instances.reduce((sum, { load }) => sum + load.activeCount, 0);
  assert.equal(active, 0);
});

it("leaves a killed instance alone, and finds new ones", async (t) => {
  const { registry, instances } = await setUp(t, 2, {});
  const client = channel(t);
  await untilSeen(client, 2);
  instances[0]?.server.forceShutdown();
  // The connection is gone at once: calls under way may fail, later ones do not.
  await who(client).catch((error: ServiceError) => assert.equal(error.code, status.UNAVAILABLE));
  for (let call = 0; call < 20; call += 1) assert.equal(await who(client), "g1");
  await startInstance(t, registry, "g2");
  const seen = new Set<string>();
  while (!seen.has("g2")) seen.add(await who(client));
  assert.ok(!seen.has("g0"));
});

it("picks by the service's policy, with the key of the call", async (t) => {
  const { caller } = await setUp(t, 3, { services: { who: { policy: "rendezvous" } } });
  const client = channel(t);
  const { subscription } = caller.caller("who", "grpc");
  await subscription.ready();
  const metadataOf = (key: string): Metadata => {
    const metadata = new Metadata();
    metadata.set("x-fpzk-key", key);
    return metadata;
  };
  const keys = Array.from({ length: 12 }, (_, index) => `key-${index}`);
  // Until every connection is made keys go to the next that is connected.
  for (const key of keys) await who(client, metadataOf(key));
  for (const key of keys) {
    const picked = subscription.pick({ key });
    picked?.release();
    assert.equal(await who(client, metadataOf(key)), picked?.instance.id);
  }
});

it("says that nobody is there, and which service configuration is needed", async (t) => {
  const registry = await Registry.start(t);
  registerGrpc(await registry.connect());
  await assert.rejects(who(channel(t)), /14 UNAVAILABLE: no instance of who can be called/);
  const other = channel(t, { "grpc.service_config": JSON.stringify({ methodConfig: [] }) });
  await assert.rejects(who(other), /must name the policy/);
});
