/** A real FPZKServer, instances that real clients register, and a caller: what these tests share. */
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import {
  type ConnectOptions,
  connect,
  type EndpointInput,
  type FpzkClient,
  type RegistrationHandle,
  type ServiceSubscription,
  type ViewInstance,
} from "@fpzk/client";
import {
  localClusterOptions,
  localNodeOptions,
  type RunningServer,
  silentLogger,
  startServer,
} from "@fpzk/server";

const CLUSTER = localClusterOptions({ name: "test" });

const NODE = localNodeOptions({ region: "eu", zone: "a" });

export class Registry {
  readonly #server: RunningServer;
  readonly #clients: FpzkClient[] = [];

  private constructor(server: RunningServer) {
    this.#server = server;
  }

  static async start(t: TestContext): Promise<Registry> {
    const server = await startServer({
      cluster: CLUSTER,
      node: NODE,
      logger: silentLogger,
    });
    const registry = new Registry(server);
    t.after(async () => {
      await Promise.all(registry.#clients.map((client) => client.close()));
      await server.close();
    });
    return registry;
  }

  /** `host:port` of the server. */
  get address(): string {
    return this.#server.address;
  }

  async connect(options: ConnectOptions = {}): Promise<FpzkClient> {
    const client = await connect({ servers: [this.address], ...options });
    this.#clients.push(client);
    return client;
  }

  /** Registers what listens on a port, by a client of its own. */
  async register(
    service: string,
    id: string,
    endpoint: EndpointInput,
  ): Promise<RegistrationHandle> {
    const client = await this.connect();
    return await client.register({ service, id, endpoints: [{ host: "127.0.0.1", ...endpoint }] });
  }

  /** A real HTTP server that is registered. */
  async http(
    t: TestContext,
    { service, id, listener }: { service: string; id: string; listener: RequestListener },
  ): Promise<HttpInstance> {
    const server = createServer(listener);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const handle = await this.register(service, id, { port });
    return { id, server, port, handle };
  }
}

export interface HttpInstance {
  readonly id: string;
  readonly server: Server;
  readonly port: number;
  readonly handle: RegistrationHandle;
}

/** Waits until the caller's view shows so many instances. */
export async function seen(client: FpzkClient, service: string, count: number): Promise<void> {
  const { subscription } = client.caller(service);
  const changes = subscription.changes();
  await subscription.ready();
  if (subscription.instances.length === count) return;
  for await (const _ of changes) if (subscription.instances.length === count) return;
}

/** What a caller counts of an instance; of use also when the instance has left the view. */
export function loadOf({ instances }: ServiceSubscription, id: string): ViewInstance["load"] {
  const instance = instances.find((each) => each.id === id);
  if (instance === undefined) throw new Error(`the caller does not see ${id}`);
  return instance.load;
}

/** Lingers until the caller's last calls there are over; a program does so by `lingerMs`. */
export async function untilUnused(load: ViewInstance["load"]): Promise<void> {
  while (load.activeCount > 0) await new Promise((resolve) => setImmediate(resolve));
}

/** Ends an instance as a killed process would: its port refuses, its connections are gone. */
export function kill({ server }: HttpInstance): void {
  server.close();
  server.closeAllConnections();
}
