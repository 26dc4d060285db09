/** What the proxy's tests share: a directory of fixed instances, real servers, raw sockets. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TestContext } from "node:test";
import type { Picked } from "@fpzk/client";
import {
  InstanceLoad,
  InstanceState,
  type Instant,
  instant,
  OUTLIER_DEFAULTS,
  type PickContext,
  PolicyName,
  RETRY_BUDGET_DEFAULTS,
  ServiceBalancer,
  type ViewInstance,
} from "@fpzk/core";
import type { AccessEntry } from "./access-log.js";
import type { Directory, DirectoryRequest, DirectorySubscription } from "./directory.js";
import type { ProxyOptions } from "./options.js";
import { type RunningProxy, startProxy } from "./proxy.js";

/** A directory whose instances are said by the test; picks in turn, and learns as the client does. */
export class StaticDirectory implements Directory {
  readonly instances = new Map<string, ViewInstance[]>();
  /** Services whose view is not complete. */
  readonly incomplete = new Set<string>();
  readonly requests: DirectoryRequest[] = [];
  readonly pickedKeys: (string | undefined)[] = [];
  /** Calls that each instance may have. */
  instanceCallCountMax = Number.POSITIVE_INFINITY;
  openCount = 0;
  /** Picked and not released. */
  heldCount = 0;
  /** The list that each subscription's balancer was given last. */
  readonly #seen = new WeakMap<ServiceBalancer, readonly ViewInstance[]>();

  set(service: string, ...addresses: { id: string; port: number; protocol?: string }[]): void {
    this.instances.set(
      service,
      addresses.map(({ id, port, protocol }) => viewInstance(service, id, port, protocol)),
    );
  }

  subscribe(request: DirectoryRequest): DirectorySubscription {
    const { outlier: _, onEjection: __, ...asked } = request;
    this.requests.push(asked);
    this.openCount += 1;
    const list = (): ViewInstance[] =>
      this.incomplete.has(request.service) ? [] : (this.instances.get(request.service) ?? []);
    const isComplete = (): boolean => !this.incomplete.has(request.service);
    const countMax = (): number => this.instanceCallCountMax;
    const balancer = new ServiceBalancer({
      policy: PolicyName.roundRobin,
      random: { next: () => 0 },
      ...{ caller: { region: "", zone: "" }, regionOrder: [], panicRatio: 0, prefersNear: true },
      ...{ outlier: request.outlier ?? OUTLIER_DEFAULTS, retryBudget: RETRY_BUDGET_DEFAULTS },
      slowStartMs: 0,
      get instanceCallCountMax() {
        return request.balancing?.instanceCallCountMax ?? countMax();
      },
    });
    return {
      pick: (context) => this.#pick({ balancer, all: list(), request }, context),
      get isBusy() {
        return balancer.isBusy(now());
      },
      get hedgeDelayMs() {
        return balancer.hedgeDelayMs;
      },
      standings: () => list().map((instance) => balancer.standing(instance, now())),
      get instanceCount() {
        return list().length;
      },
      get status() {
        const complete = isComplete();
        return { isComplete: complete, isCurrent: complete, isRestored: false, ageMs: 0 };
      },
      ready: () => Promise.resolve(),
      close: () => {
        this.openCount -= 1;
      },
    };
  }

  #pick({ balancer, all, request }: Watched, context: PickContext | undefined): Picked | undefined {
    this.pickedKeys.push(context?.key);
    if (this.#seen.get(balancer) !== all) balancer.update(all, now());
    this.#seen.set(balancer, all);
    const begin = now();
    const instance = balancer.pick(context, begin);
    const endpoint = instance?.description.endpoints[0];
    if (instance === undefined || endpoint === undefined) return undefined;
    this.heldCount += 1;
    let isReleased = false;
    return {
      instance,
      endpoint,
      url: `${endpoint.protocol}://${endpoint.host}:${endpoint.port}`,
      answered() {},
      release: (result) => {
        if (isReleased) return;
        isReleased = true;
        this.heldCount -= 1;
        const latencyMs = now() - begin;
        for (const ejected of balancer.end({ instance, result, latencyMs }, now())) {
          request.onEjection?.(ejected);
        }
      },
    };
  }
}

interface Watched {
  readonly balancer: ServiceBalancer;
  readonly all: readonly ViewInstance[];
  readonly request: DirectoryRequest;
}

function now(): Instant {
  return instant(performance.now());
}

export function viewInstance(
  service: string,
  id: string,
  port: number,
  protocol = "http",
): ViewInstance {
  return {
    namespace: "default",
    service,
    id,
    stamp: { incarnation: 1, session: 1, claim: 0 },
    since: 1,
    state: InstanceState.up,
    liveness: "alive",
    weight: 100,
    description: {
      group: "",
      version: "",
      region: "",
      zone: "",
      endpoints: [{ protocol, host: "127.0.0.1", port, tls: false, reach: "internal" }],
      weight: 100,
      metadata: {},
      startWallTime: 0,
    },
    ownerNodeId: "n1",
    load: new InstanceLoad(),
  };
}

export type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

/** An instance: a real HTTP server on a free port, gone when the test ends. */
export async function startInstance(
  t: TestContext,
  listener: RequestListener,
): Promise<{ server: Server; port: number }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { server, port: (server.address() as AddressInfo).port };
}

/** A port that refuses connections. */
export async function refusingPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface ProxyFixture {
  readonly proxy: RunningProxy;
  readonly directory: StaticDirectory;
  readonly entries: AccessEntry[];
  /** The next access line that was not waited for yet. */
  nextEntry(): Promise<AccessEntry>;
}

/** A proxy over a {@link StaticDirectory}; every path goes to service `echo` unless told else. */
export async function startFixture(
  t: TestContext,
  options: Partial<ProxyOptions> = {},
): Promise<ProxyFixture> {
  const directory = new StaticDirectory();
  const entries: AccessEntry[] = [];
  const waiting: ((entry: AccessEntry) => void)[] = [];
  let readCount = 0;
  const proxy = await startProxy({
    port: 0,
    directory,
    routes: [{ service: "echo" }],
    accessLog: {
      write: (entry) => {
        entries.push(entry);
        const waiter = waiting.shift();
        if (waiter !== undefined) {
          readCount += 1;
          waiter(entry);
        }
      },
    },
    ...options,
  });
  t.after(() => proxy.close({ drainMs: 0 }));
  const nextEntry = (): Promise<AccessEntry> => {
    const ready = entries[readCount];
    if (ready === undefined) return new Promise((resolve) => waiting.push(resolve));
    readCount += 1;
    return Promise.resolve(ready);
  };
  return { proxy, directory, entries, nextEntry };
}

/** Sends bytes as they are and resolves with all that came back when the connection ended. */
export function rawExchange(port: number, text: string): Promise<string> {
  const socket = rawConnect(port);
  socket.write(text, "latin1");
  return readAll(socket);
}

export function rawConnect(port: number): Socket {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  socket.on("error", () => {
    // Tests look at what was received before.
  });
  return socket;
}

export function readAll(socket: Socket): Promise<string> {
  let received = "";
  socket.setEncoding("latin1");
  socket.on("data", (chunk) => {
    received += chunk;
  });
  return new Promise((resolve) => {
    socket.on("end", () => socket.end());
    socket.on("close", () => resolve(received));
  });
}

export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
}

/** A promise that the test resolves (`Promise.withResolvers` needs Node 22). */
export function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Resolves when a socket, or a stream of HTTP/2, is closed: in order or by a reset. */
export function closed(stream: Duplex): Promise<void> {
  return new Promise((resolve) => stream.once("close", () => resolve()));
}
