/** A server around a scripted node, for tests of what is at the edge: sockets, tokens, frames. */
import { createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  type Effect,
  MapRecordTable,
  type MemberView,
  NEVER,
  type NodeEvent,
  type RecordTable,
  type SessionMessage,
  type SessionRequest,
} from "@fpzk/core";
import {
  decodeSessionMessage,
  encodeSessionRequest,
  type HandshakeOutcome,
  type HandshakeStep,
  PeerHandshake,
} from "@fpzk/protocol";
import { type ClientOptions, WebSocket } from "ws";
import { localClusterOptions, localNodeOptions } from "./local-options.js";
import { type LogFields, type Logger, silentLogger } from "./logger.js";
import { type EdgeTimings, fingerprintOf, type RunningServer } from "./node-server.js";
import type { NodeServerOptions, ServerOptions } from "./options.js";
import type { ServedNode, ServedNodeOptions } from "./served-node.js";
import { startServerWith } from "./start-server.js";

export const CLUSTER = localClusterOptions({ name: "test" });

export const NODE = localNodeOptions({ region: "eu", zone: "a" });

type EventOf<T extends NodeEvent["type"]> = Extract<NodeEvent, { type: T }>;

/** A node that does what the test says and remembers what it was told. */
export class ScriptedNode implements ServedNode {
  readonly events: NodeEvent[] = [];
  readonly nodeId: string;
  readonly generation: number;
  readonly region: string;
  readonly zone: string;
  readonly leaseCount = 0;
  readonly counters = { repairRounds: 3 };
  readonly isReady = true;
  readonly readyReason = "";
  readonly table: RecordTable = new MapRecordTable();
  readonly #script: (event: NodeEvent) => Effect[];
  #waiting: { type: string; resolve: (event: NodeEvent) => void }[] = [];

  constructor(options: ServedNodeOptions, script: (event: NodeEvent) => Effect[]) {
    this.nodeId = options.nodeId;
    this.generation = options.generation;
    this.region = options.region;
    this.zone = options.zone;
    this.#script = script;
  }

  step(event: NodeEvent): Effect[] {
    this.events.push(event);
    const ready = this.#waiting.filter((entry) => entry.type === event.type);
    this.#waiting = this.#waiting.filter((entry) => entry.type !== event.type);
    for (const entry of ready) entry.resolve(event);
    if (event.type === "shutdown") return [{ type: "left" }];
    return this.#script(event);
  }

  nextDeadline() {
    return NEVER;
  }

  members(): MemberView[] {
    return [];
  }

  suspicionOf(): undefined {}

  quarantined(): [] {
    return [];
  }

  position() {
    return [];
  }

  digest() {
    return [];
  }

  restore(): void {}

  /** Events of one type so far. */
  seen<T extends NodeEvent["type"]>(type: T): EventOf<T>[] {
    return this.events.filter((event) => event.type === type) as EventOf<T>[];
  }

  /** The first event of a type, past or to come. */
  async expect<T extends NodeEvent["type"]>(type: T): Promise<EventOf<T>> {
    const found = this.seen(type)[0];
    if (found !== undefined) return found;
    return this.next(type);
  }

  /** The next event of a type. */
  next<T extends NodeEvent["type"]>(type: T): Promise<EventOf<T>> {
    return new Promise((resolve) => {
      this.#waiting.push({ type, resolve: resolve as (event: NodeEvent) => void });
    });
  }
}

export interface Edge extends AsyncDisposable {
  readonly server: RunningServer;
  readonly node: ScriptedNode;
  readonly logs: { level: string; event: string; fields: LogFields }[];
  readonly port: number;
  close(): Promise<void>;
}

/** Core's answers to the messages that tests send. */
export function echoScript(event: NodeEvent): Effect[] {
  if (event.type === "session-open") {
    const welcome: SessionMessage = {
      type: "welcome",
      nodeId: "n",
      generation: 1,
      region: "eu",
      heartbeatIntervalMs: 1_000,
      ttlMs: 3_000,
      reconnectDelayMs: 0,
      isReady: true,
      firstIncarnation: 0,
      knowsRouteSets: true,
      knowsAccusations: true,
    };
    return [{ type: "send-sessions", sessions: [event.session], message: welcome }];
  }
  if (event.type === "session-message" && event.message.type === "heartbeat") {
    const pong: SessionMessage = {
      type: "pong",
      sequence: event.message.sequence,
      digests: [],
    };
    return [{ type: "send-sessions", sessions: [event.session], message: pong }];
  }
  return [];
}

export async function startEdge(
  change: Partial<NodeServerOptions> = {},
  script: (event: NodeEvent) => Effect[] = echoScript,
  timings: EdgeTimings = {},
  more: Partial<ServerOptions> = {},
): Promise<Edge> {
  const logs: Edge["logs"] = [];
  const note =
    (level: string) =>
    (event: string, fields: LogFields = {}) => {
      logs.push({ level, event, fields });
    };
  const logger: Logger = {
    ...silentLogger,
    debug: note("debug"),
    info: note("info"),
    warn: note("warn"),
    error: note("error"),
  };
  let node: ScriptedNode | undefined;
  const options = { cluster: CLUSTER, node: { ...NODE, ...change }, logger, ...more };
  const createNode = (nodeOptions: ServedNodeOptions) => {
    node = new ScriptedNode(nodeOptions, script);
    return node;
  };
  const server = await startServerWith(options, createNode, timings);
  if (node === undefined) throw new Error("no node was created");
  const close = () => server.close();
  const port = Number(server.address.split(":").at(-1));
  return { server, node, logs, port, close, [Symbol.asyncDispose]: close };
}

/** A client that speaks frames and nothing else. */
export class RawClient {
  readonly ws: WebSocket;
  readonly #messages: SessionMessage[] = [];
  #waiting: (() => void)[] = [];

  constructor(url: string, options: ClientOptions = {}) {
    this.ws = new WebSocket(url, options);
    this.ws.on("error", () => {});
    this.ws.on("message", (data: Buffer) => {
      const decoded = decodeSessionMessage(data);
      if (decoded.ok) this.#messages.push(decoded.message);
      for (const wake of this.#waiting.splice(0)) wake();
    });
    this.ws.on("close", () => {
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  static async open(port: number, options: ClientOptions = {}, scheme = "ws"): Promise<RawClient> {
    const client = new RawClient(`${scheme}://127.0.0.1:${port}/v1/session`, options);
    await once(client.ws, "open");
    return client;
  }

  send(request: SessionRequest): void {
    this.ws.send(encodeSessionRequest(request));
  }

  hello(change: Partial<Extract<SessionRequest, { type: "hello" }>> = {}): void {
    this.send({
      type: "hello",
      protocolVersion: 1,
      namespace: "default",
      token: "",
      clientId: "client",
      sessionNumber: 1,
      region: "eu",
      zone: "a",
      agent: "test",
      ...change,
    });
  }

  /** The next message of a type; fails when the connection ends before. */
  async receive<T extends SessionMessage["type"]>(
    type: T,
  ): Promise<Extract<SessionMessage, { type: T }>> {
    for (;;) {
      const index = this.#messages.findIndex((message) => message.type === type);
      const found = this.#messages[index];
      if (found !== undefined) {
        this.#messages.splice(index, 1);
        return found as Extract<SessionMessage, { type: T }>;
      }
      if (this.ws.readyState === WebSocket.CLOSED) {
        throw new Error(`the connection ended before ${type}`);
      }
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }

  /** Code and reason of the close. */
  async closed(): Promise<{ code: number; reason: string }> {
    const [code, reason] = (await once(this.ws, "close")) as [number, Buffer];
    return { code, reason: reason.toString() };
  }
}

/** A peer that speaks the handshake and then does what the test says. */
export class RawPeer {
  readonly ws: WebSocket;
  readonly outcome: Promise<HandshakeOutcome>;
  /** The first frame after the handshake. */
  readonly first: Promise<Buffer>;

  /** @param tamper - What becomes of each frame of the handshake before it is sent. */
  constructor(
    port: number,
    region: string,
    secret: string | undefined,
    tamper: (frame: Uint8Array) => Uint8Array = (frame) => frame,
  ) {
    const handshake = new PeerHandshake({
      role: "dialer",
      self: { nodeId: "raw", generation: 1, region, zone: "" },
      clusterName: CLUSTER.name,
      fingerprint: fingerprintOf(CLUSTER),
      nonce: randomBytes(32),
      proof:
        secret === undefined
          ? undefined
          : {
              hmac: (input) => createHmac("sha256", secret).update(input).digest(),
              isEqual: (a, b) => Buffer.compare(a, b) === 0,
            },
      expectedNodeId: undefined,
      knownGeneration: () => 0,
    });
    this.ws = new WebSocket(`ws://127.0.0.1:${port}/v1/peer`);
    this.ws.on("error", () => {});
    let onFirst: (data: Buffer) => void = () => {};
    this.first = new Promise((resolve) => {
      onFirst = resolve;
    });
    this.outcome = new Promise((resolve) => {
      const apply = (step: HandshakeStep) => {
        for (const frame of step.send) this.ws.send(tamper(frame));
        if (step.outcome === undefined) return;
        this.ws.off("message", onMessage);
        // The next frame may have come with this one.
        this.ws.once("message", onFirst);
        resolve(step.outcome);
      };
      const onMessage = (data: Buffer) => apply(handshake.receive(data));
      this.ws.on("message", onMessage);
      this.ws.once("open", () => apply(handshake.start()));
    });
  }
}
