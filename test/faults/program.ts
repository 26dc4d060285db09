/** One session of a fault run: what it registers, what it watches, and a record of both. */
import { subscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import {
  type ConnectOptions,
  connect,
  type DrainResult,
  type FpzkClient,
  type RegistrationHandle,
  RegistryError,
  type ServiceSubscription,
  type ViewInstance,
} from "@fpzk/client";
import { InstanceState } from "@fpzk/core";
import { type Ask, clockMs, type StampTriple } from "./log-line.js";
import type { Recorder } from "./recorder.js";

export interface ProgramPlan {
  /** `process/number`. */
  readonly name: string;
  readonly region: string;
  readonly servers: readonly string[];
  /** Kept registered for as long as the program runs. */
  readonly registers: readonly { readonly service: string; readonly id: string }[];
  readonly watches: readonly string[];
}

interface Watched {
  readonly service: string;
  subscription: ServiceSubscription;
  readonly pickedAt: Map<string, number>;
}

const CONNECT_TIMEOUT_MS = 120_000;
const REQUEST_TIMEOUT_MS = 30_000;
export const DRAIN_TIMEOUT_MS = 10_000;

const STATE_NAMES = ["up", "offline", "draining", "removed"] as const;

/** Open connections of this process, so that their reading can be paused. */
const sockets = new Set<Socket>();
subscribe("net.client.socket", (message) => {
  const { socket } = message as { socket: Socket };
  sockets.add(socket);
  socket.once("close", () => sockets.delete(socket));
});

/** Stops or goes on reading what servers send, on every open connection of this process. */
export function pauseReading(isPaused: boolean): void {
  for (const socket of sockets) {
    if (isPaused) socket.pause();
    else socket.resume();
  }
}

export class Program {
  readonly plan: ProgramPlan;
  readonly #recorder: Recorder;
  readonly #watched: Watched[] = [];
  readonly #handles = new Map<string, RegistrationHandle>();
  /** Ids that another program took over. */
  readonly #lost = new Set<string>();
  readonly #options: ConnectOptions;
  #client: FpzkClient | undefined;
  #requestCount = 0;
  #serial = 0;
  #isClosed = false;

  constructor(plan: ProgramPlan, recorder: Recorder, options: ConnectOptions = {}) {
    this.plan = plan;
    this.#recorder = recorder;
    this.#options = options;
  }

  get connectedNodeId(): string | undefined {
    return this.#client?.connectedNodeId;
  }

  /** Ids of the standing registrations. */
  get handles(): readonly RegistrationHandle[] {
    return [...this.#handles.values()];
  }

  async start(): Promise<void> {
    const { name, region, registers, servers, watches } = this.plan;
    this.#client = await connect({
      servers,
      region,
      clientId: name,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      drainTimeoutMs: DRAIN_TIMEOUT_MS,
      onNote: ({ event, fields }) => {
        if (event !== "client.online" && event !== "client.offline") return;
        const type = event === "client.online" ? "online" : "offline";
        const nodeId = String(fields["nodeId"] ?? "");
        this.#recorder.write({ type, at: clockMs(), program: name, nodeId });
      },
      ...this.#options,
    });
    for (const service of watches) this.#watch(this.#client, service);
    await Promise.all(registers.map(({ service, id }) => this.register(service, id)));
    await Promise.all(
      this.#watched.map(({ subscription }) =>
        subscription.ready({ timeoutMs: CONNECT_TIMEOUT_MS }),
      ),
    );
  }

  /** False without asking when another program took the id over: this one does not fight for it. */
  async register(service: string, id: string): Promise<boolean> {
    if (this.#lost.has(`${service}/${id}`)) return false;
    return this.#asks("register", service, id, async (client) => {
      const handle = await client.register(
        {
          service,
          id,
          endpoints: [{ protocol: "http", host: "127.0.0.1", port: 80 }],
          metadata: { owner: this.plan.name, serial: `${this.#serial}` },
        },
        { timeoutMs: Number.POSITIVE_INFINITY },
      );
      this.#handles.set(`${service}/${id}`, handle);
      void handle.superseded.then(() => {
        this.#handles.delete(`${service}/${id}`);
        this.#lost.add(`${service}/${id}`);
        const program = this.plan.name;
        this.#recorder.write({ type: "superseded", at: clockMs(), program, service, id });
      });
      return undefined;
    });
  }

  update(service: string, id: string): Promise<boolean> {
    this.#serial += 1;
    return this.#asks("update", service, id, async () => {
      const metadata = { owner: this.plan.name, serial: `${this.#serial}` };
      await this.#handle(service, id).update({ metadata });
      return undefined;
    });
  }

  drain(service: string, id: string): Promise<boolean> {
    return this.#asks("drain", service, id, () => this.#handle(service, id).drain());
  }

  online(service: string, id: string): Promise<boolean> {
    return this.#asks("online", service, id, async () => {
      await this.#handle(service, id).online();
      return undefined;
    });
  }

  deregister(service: string, id: string): Promise<boolean> {
    return this.#asks("deregister", service, id, async () => {
      await this.#handle(service, id).deregister();
      this.#handles.delete(`${service}/${id}`);
      return undefined;
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#asks("close", "", "", async (client) => {
      await client.close();
      return undefined;
    });
  }

  /** One choice of each view; how many found something, and how many wrongly nothing. */
  pick(): { found: number; empty: number } {
    let found = 0;
    let empty = 0;
    for (const { pickedAt, subscription } of this.#watched) {
      const picked = subscription.pick();
      if (picked !== undefined) {
        pickedAt.set(picked.instance.id, clockMs());
        picked.release();
        found += 1;
      } else if (subscription.instances.some((instance) => instance.state === InstanceState.up))
        empty += 1;
    }
    return { found, empty };
  }

  /** Writes how much each view holds. */
  recordCounts(): void {
    for (const { service, subscription } of this.#watched) {
      this.#recorder.write({
        type: "count",
        at: clockMs(),
        program: this.plan.name,
        service,
        count: subscription.instances.length,
        isCurrent: subscription.status.isCurrent,
      });
    }
  }

  #handle(service: string, id: string): RegistrationHandle {
    const handle = this.#handles.get(`${service}/${id}`);
    if (handle === undefined) throw new Error(`${this.plan.name} has no ${service}/${id}`);
    return handle;
  }

  /** Does what is asked and writes both down; false: it failed. */
  async #asks(
    ask: Ask,
    service: string,
    id: string,
    work: (client: FpzkClient) => Promise<DrainResult | undefined>,
  ): Promise<boolean> {
    this.#requestCount += 1;
    const common = { program: this.plan.name, ask, service, id, request: this.#requestCount };
    const client = this.#client;
    if (client === undefined) return false;
    const more = ask === "update" ? { serial: this.#serial } : {};
    this.#recorder.write({ type: "asked", at: clockMs(), ...common, ...more });
    try {
      const result = await work(client);
      const said = result === undefined ? {} : { unconfirmed: result.unconfirmed };
      this.#recorder.write({ type: "answered", at: clockMs(), ...common, outcome: "ok", ...said });
      return true;
    } catch (error) {
      const outcome = error instanceof RegistryError ? error.code : String(error);
      this.#recorder.write({ type: "answered", at: clockMs(), ...common, outcome });
      return false;
    }
  }

  #watch(client: FpzkClient, service: string): void {
    const subscription = client.subscribe(service);
    const watched: Watched = { service, subscription, pickedAt: new Map() };
    this.#watched.push(watched);
    void this.#follow(watched);
  }

  /** Reads changes for as long as the program runs; a reader that lagged begins anew. */
  async #follow(watched: Watched): Promise<void> {
    const { service } = watched;
    while (!this.#isClosed) {
      try {
        for await (const change of watched.subscription.changes()) {
          if (change.type !== "status") this.#record(watched, change);
        }
        return;
      } catch {
        const program = this.plan.name;
        this.#recorder.write({ type: "view-restarted", at: clockMs(), program, service });
        for (const instance of watched.subscription.instances) {
          this.#record(watched, { type: "added", instance });
        }
      }
    }
  }

  #record(
    { pickedAt, service }: Watched,
    change: { type: string; instance: ViewInstance; reason?: string },
  ): void {
    const { instance } = change;
    const { id, stamp, state, liveness, description } = instance;
    const line = {
      at: clockMs(),
      program: this.plan.name,
      service,
      id,
      stamp: [stamp.incarnation, stamp.session, stamp.claim] as StampTriple,
      owner: description.metadata["owner"] ?? "",
      pickedAt: pickedAt.get(id) ?? 0,
    };
    if (change.type === "removed") {
      pickedAt.delete(id);
      this.#recorder.write({ type: "removed", ...line, reason: change.reason ?? "" });
      return;
    }
    const serial = Number(description.metadata["serial"] ?? 0);
    const stateName = STATE_NAMES[state];
    this.#recorder.write({ type: "shown", ...line, state: stateName, liveness, serial });
  }
}
