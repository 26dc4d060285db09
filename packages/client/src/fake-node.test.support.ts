/**
 * A node for tests: real sockets and codecs, and just enough of a registry behind them. Several
 * fake nodes may share one store, as nodes of one cluster share their records.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type ContentDigest,
  type ErrorCode,
  InstanceState,
  isSameDigest,
  type MemberView,
  type Origin,
  type RecordGroup,
  RecordKind,
  type RegistryRecord,
  RemovalReason,
  recordDigest,
  Scope,
  type SessionMessage,
  type SessionRequest,
} from "@fpzk/core";
import {
  decodeSessionRequest,
  encodeInstanceDescription,
  encodeSessionMessage,
} from "@fpzk/protocol";
import { type WebSocket, WebSocketServer } from "ws";

/** The records of a cluster, and who is to hear of changes. */
export class FakeStore {
  readonly records = new Map<string, RegistryRecord>();
  readonly nodes = new Set<FakeNode>();

  put(record: RegistryRecord): void {
    this.records.set(`${record.service}/${record.kind}/${record.id}`, record);
    for (const node of this.nodes) node.push(record);
  }

  of(service: string): RegistryRecord[] {
    return [...this.records.values()].filter((record) => record.service === service);
  }

  digest(service: string): ContentDigest {
    let [high, low] = [0, 0];
    for (const record of this.of(service)) {
      if (record.state === InstanceState.removed) continue;
      const digest = recordDigest(record);
      high = (high + digest.high) >>> 0;
      low = (low + digest.low) >>> 0;
    }
    return { high, low };
  }
}

export interface FakeNodeOptions {
  readonly nodeId?: string;
  readonly store?: FakeStore;
  readonly port?: number;
  readonly heartbeatIntervalMs?: number;
  readonly ttlMs?: number;
  readonly reconnectDelayMs?: number;
  readonly refusal?: { readonly code: ErrorCode; readonly message: string };
}

interface FakeSession {
  readonly socket: WebSocket;
  readonly watched: Set<string>;
  sessionNumber: number;
}

export class FakeNode {
  readonly nodeId: string;
  readonly store: FakeStore;
  readonly received: SessionRequest[] = [];
  readonly #options: FakeNodeOptions;
  readonly #http = createServer();
  readonly #sockets = new WebSocketServer({ server: this.#http, path: "/v1/session" });
  readonly #sessions = new Set<FakeSession>();
  readonly #waiting = new Set<{ isWanted: (r: SessionRequest) => boolean; tell: () => void }>();
  #version = 0;
  members: MemberView[] | undefined;
  /** Answers nothing any more, sockets open: a cut cable. */
  isSilent = false;

  constructor(options: FakeNodeOptions = {}) {
    this.#options = options;
    this.nodeId = options.nodeId ?? "node-1";
    this.store = options.store ?? new FakeStore();
  }

  static async start(options: FakeNodeOptions = {}): Promise<FakeNode> {
    const node = new FakeNode(options);
    node.#http.listen(options.port ?? 0, "127.0.0.1");
    await once(node.#http, "listening");
    node.store.nodes.add(node);
    node.#sockets.on("connection", (socket) => node.#open(socket));
    return node;
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  get origin(): Origin {
    return { nodeId: this.nodeId, generation: 1, scope: Scope.global };
  }

  async stop(): Promise<void> {
    this.store.nodes.delete(this);
    for (const { socket } of this.#sessions) socket.terminate();
    this.#sockets.close();
    this.#http.close();
    await once(this.#http, "close");
  }

  /** Resolves with the first request, received already or yet to come, that is wanted. */
  async request<Type extends SessionRequest["type"]>(
    type: Type,
    isWanted: (request: Extract<SessionRequest, { type: Type }>) => boolean = () => true,
  ): Promise<Extract<SessionRequest, { type: Type }>> {
    type Wanted = Extract<SessionRequest, { type: Type }>;
    const isMatch = (request: SessionRequest): boolean =>
      request.type === type && isWanted(request as Wanted);
    const held = this.received.find(isMatch);
    if (held !== undefined) return held as Wanted;
    await new Promise<void>((tell) => this.#waiting.add({ isWanted: isMatch, tell }));
    return this.received.find(isMatch) as Wanted;
  }

  send(message: SessionMessage): void {
    const frame = encodeSessionMessage(message);
    for (const { socket } of this.#sessions) socket.send(frame);
  }

  sendBytes(frame: Uint8Array): void {
    for (const { socket } of this.#sessions) socket.send(frame);
  }

  /** Resolves when every session that is open now has ended. */
  async sessionsEnded(): Promise<void> {
    await Promise.all([...this.#sessions].map(({ socket }) => once(socket, "close")));
  }

  /** Writes a record of this node's own. */
  put(record: Partial<RegistryRecord> & { readonly service: string; readonly id: string }): void {
    this.#version += 1;
    this.store.put({
      kind: RecordKind.instance,
      scope: Scope.global,
      namespace: "default",
      origin: this.origin,
      version: this.#version,
      stamp: { incarnation: 1, session: 1, claim: 0 },
      state: InstanceState.up,
      isSuspect: false,
      reason: RemovalReason.none,
      since: this.#version,
      body: fakeBody(8080),
      ...record,
    });
  }

  push(record: RegistryRecord): void {
    const { service } = record;
    const digest = this.store.digest(service);
    const groups = [{ origin: record.origin, records: [record] }];
    const frame = encodeSessionMessage({ type: "change", service, groups, digest });
    for (const session of this.#sessions) {
      if (session.watched.has(service)) session.socket.send(frame);
    }
  }

  #open(socket: WebSocket): void {
    const session: FakeSession = { socket, watched: new Set(), sessionNumber: 0 };
    this.#sessions.add(session);
    socket.on("close", () => this.#sessions.delete(session));
    socket.on("message", (data) => {
      const decoded = decodeSessionRequest(data as Buffer);
      if (!decoded.ok) throw new Error(decoded.refusal.message);
      this.received.push(decoded.message);
      if (!this.isSilent) this.#answer(session, decoded.message);
      for (const waiting of [...this.#waiting]) {
        if (!waiting.isWanted(decoded.message)) continue;
        this.#waiting.delete(waiting);
        waiting.tell();
      }
    });
  }

  #answer(session: FakeSession, request: SessionRequest): void {
    const send = (message: SessionMessage): void =>
      session.socket.send(encodeSessionMessage(message));
    switch (request.type) {
      case "hello":
        session.sessionNumber = request.sessionNumber;
        this.#welcome(session, send);
        return;
      case "register":
        send({
          type: "registered",
          requestId: request.requestId,
          items: this.#register(session, request.items),
        });
        return;
      case "deregister": {
        const { service, id, reason, requestId } = request;
        const stamp = { incarnation: 1, session: session.sessionNumber, claim: 0 };
        const body = new Uint8Array(0);
        this.put({ service, id, stamp, reason, state: InstanceState.removed, body });
        send({ type: "done", requestId });
        return;
      }
      case "set-state": {
        const { service, id, state, requestId } = request;
        const held = this.store.records.get(`${service}/${RecordKind.instance}/${id}`);
        this.put({ ...held, service, id, state, origin: this.origin, version: this.#version + 1 });
        if (state !== InstanceState.draining) send({ type: "done", requestId });
        return;
      }
      case "watch":
        session.watched.add(request.service);
        send(this.#snapshot(request.requestId, request.service, request.digest));
        return;
      case "query":
        send(this.#snapshot(request.requestId, request.service, undefined));
        return;
      case "unwatch":
        session.watched.delete(request.service);
        return;
      case "heartbeat": {
        const services = request.wantsDigests ? [...session.watched] : [];
        const digests = services.map((service) => ({
          service,
          digest: this.store.digest(service),
        }));
        send({ type: "pong", sequence: request.sequence, digests });
        return;
      }
      case "confirm":
      case "ahead":
      case "accuse":
      case "goodbye":
        return;
    }
  }

  #welcome(session: FakeSession, send: (message: SessionMessage) => void): void {
    const { refusal, heartbeatIntervalMs, ttlMs, reconnectDelayMs } = this.#options;
    if (refusal !== undefined) {
      send({ type: "refused", requestId: 0, ...refusal });
      session.socket.close(1008);
      return;
    }
    send({
      type: "welcome",
      ...{ nodeId: this.nodeId, generation: 1, region: "", isReady: true, firstIncarnation: 0 },
      knowsRouteSets: true,
      knowsAccusations: true,
      heartbeatIntervalMs: heartbeatIntervalMs ?? 1_000,
      ttlMs: ttlMs ?? 3_000,
      reconnectDelayMs: reconnectDelayMs ?? 0,
    });
    const members = this.members ?? [...this.store.nodes].map((node) => node.member());
    send({ type: "members", members });
  }

  member(status: MemberView["status"] = "alive"): MemberView {
    const { nodeId, address } = this;
    return { nodeId, generation: 1, region: "", zone: "", address, tls: false, status };
  }

  #register(
    session: FakeSession,
    items: Extract<SessionRequest, { type: "register" }>["items"],
  ): Extract<SessionMessage, { type: "registered" }>["items"] {
    return items.map(({ service, id, incarnation, since, state, body }) => {
      const stamp = {
        incarnation: incarnation === 0 ? 1 : incarnation,
        session: session.sessionNumber,
        claim: 0,
      };
      const age = since === 0 ? this.#version + 1 : since;
      this.put({ service, id, stamp, state, since: age, body: body.slice() });
      return { service, id, stamp, since: age, code: undefined, message: "" };
    });
  }

  #snapshot(
    requestId: number,
    service: string,
    held: ContentDigest | undefined,
  ): Extract<SessionMessage, { type: "snapshot" }> {
    const digest = this.store.digest(service);
    const isSame = held !== undefined && isSameDigest(held, digest);
    const groups = new Map<string, { origin: Origin; records: RegistryRecord[] }>();
    for (const record of this.store.of(service)) {
      const group = groups.get(record.origin.nodeId) ?? { origin: record.origin, records: [] };
      group.records.push(record);
      groups.set(record.origin.nodeId, group);
    }
    const sorted: RecordGroup[] = [...groups.values()].map(({ origin, records }) => ({
      origin,
      records: records.sort((a, b) => a.version - b.version),
    }));
    const position = sorted.map(({ origin, records }) => ({
      origin,
      version: records.at(-1)?.version ?? 0,
    }));
    return {
      ...{ type: "snapshot", requestId, service, isFinal: true, position, digest },
      kind: isSame ? "unchanged" : "full",
      groups: isSame ? [] : sorted,
    };
  }
}

/** The body of an instance at a port of this machine. */
export function fakeBody(port: number, host = "127.0.0.1"): Uint8Array {
  return encodeInstanceDescription({
    ...{ group: "", version: "", region: "", zone: "", weight: 100, startWallTime: 0 },
    endpoints: [{ protocol: "http", host, port, tls: false, reach: "internal" }],
    metadata: {},
  });
}
