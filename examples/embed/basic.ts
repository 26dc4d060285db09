/**
 * A program that registers itself, calls another service, and leaves without losing a request.
 *
 *     node dist/embed/basic.js 127.0.0.1:7100
 */
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import {
  connect,
  type FpzkClient,
  resultOfHttpStatus,
  type ServiceSubscription,
} from "@fpzk/client";

/** One connection per process: for everything it registers and everything it calls. */
export async function open(servers: readonly string[]): Promise<FpzkClient> {
  return await connect({
    servers,
    region: "eu-1",
    zone: "eu-1a",
    // Services are found after a restart although no registry answers.
    snapshotDirectory: "./fpzk-views",
    // On SIGTERM: drain, say goodbye, exit.
    drainsOnSigterm: true,
  });
}

/** Provides a service: from here on callers everywhere find this process. */
export async function provide(client: FpzkClient, port: number): Promise<void> {
  const handle = await client.register({
    service: "orders",
    endpoints: [{ port }],
    version: "2.1.0",
    metadata: { lane: "blue" },
  });
  // Another process took over the id: this one is no longer found, and should end.
  void handle.superseded.then(() => process.exit(1));
}

/** Calls a service by its name: picks, tries again where that is safe, and learns. */
export async function fetchOrder(client: FpzkClient, id: string): Promise<unknown> {
  const response = await client.fetch(`fpzk://orders/orders/${id}`, { timeoutMs: 2_000 });
  return await response.json();
}

/** Calls a service: the pick is made in local memory and never waits. */
export async function callOnce(orders: ServiceSubscription, path: string): Promise<string> {
  const picked = orders.pick();
  if (picked === undefined) throw new Error("no instance of orders can be called");
  try {
    const response = await fetch(new URL(path, picked.url));
    // What the instance's status says of it: later picks avoid those that fail or are slow.
    picked.release(resultOfHttpStatus(response.status));
    return await response.text();
  } finally {
    // Counts only if the line above was not reached.
    picked.release("error");
  }
}

/** Tries again elsewhere when an instance fails, as long as retries are a small share of calls. */
export async function callWithRetry(orders: ServiceSubscription, path: string): Promise<string> {
  const excluded = new Set<string>();
  for (;;) {
    const picked = orders.pick({ excluded });
    if (picked === undefined || excluded.has(picked.instance.id)) {
      throw new Error("every instance of orders failed");
    }
    try {
      const response = await fetch(new URL(path, picked.url));
      picked.release(resultOfHttpStatus(response.status));
      return await response.text();
    } catch (error) {
      excluded.add(picked.instance.id);
      if (!orders.tryRetry()) throw error;
    } finally {
      picked.release("error");
    }
  }
}

/** Equal keys go to the same instance, near or far, for as long as it is up. */
export function pickFor(client: FpzkClient, customerId: string): string | undefined {
  const carts = client.subscribe("carts", { policy: "rendezvous", filter: { version: "2.1.0" } });
  return carts.pick({ key: customerId })?.url;
}

/** Reads changes as they come. */
export async function printChanges(client: FpzkClient, signal: AbortSignal): Promise<void> {
  for await (const change of client.subscribe("orders").changes({ signal })) {
    if (change.type === "removed") console.log(change.instance.id, "is gone:", change.reason);
    else if (change.type !== "status") console.log(change.type, change.instance.id);
  }
}

/** Leaves by hand what `drainsOnSigterm` does by itself. */
export async function leave(client: FpzkClient): Promise<void> {
  const { unconfirmed } = await client.drain({ timeoutMs: 5_000 });
  if (unconfirmed.length > 0) console.warn("may still be called by", unconfirmed);
  // From here on nobody who confirmed sends anything new: finish what is running, then go.
  await client.close();
}

async function main(servers: readonly string[]): Promise<void> {
  const server = createServer((_request, response) => response.end("hello from orders\n"));
  server.listen(0);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const client = await open(servers);
  await provide(client, address.port);
  const orders = client.subscribe("orders");
  await orders.ready();
  console.log(await callOnce(orders, "/"));
  await leave(client);
  server.close();
  server.closeAllConnections();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
