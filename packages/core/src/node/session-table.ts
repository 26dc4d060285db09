/** The sessions of one node: who they are, what they watch, which lease keeps their instances. */
import type { LeaseId } from "../lease/lease-table.js";
import type { WatchMessage } from "../messages.js";
import type { Slot } from "../table/record-table.js";
import type { ServiceName } from "../watch/watch-table.js";
import type { Grants, SessionKey, SessionKind } from "./events.js";

export interface Session {
  readonly key: SessionKey;
  readonly kind: SessionKind;
  readonly namespace: string;
  readonly grants: Grants;
  readonly clientId: string;
  /** Who speaks in an accusation: its machine where that is known, else the client. */
  readonly accuser: string;
  readonly sessionNumber: number;
  /** 0 for a stream: nothing hangs on it. */
  readonly lease: LeaseId;
  /** Silence after which its client counts the node as lost. */
  readonly ttlMs: number;
  /** Its place in the time over which sessions come back to other nodes, from 0 to below 1. */
  readonly slot: number;
  /** When its process began, if this is its first session. */
  readonly firstIncarnation: number;
  /** By name; the value is the service without its namespace. */
  readonly watches: Map<ServiceName, string>;
  /** Watches that came while the node was warming up; answered when it is ready. */
  readonly waiting: Map<string, WatchMessage>;
  /** Instances that were given an incarnation while the node knew nothing: it may be too low. */
  readonly unsure: Set<Slot>;
}

export class SessionTable {
  readonly #sessions = new Map<SessionKey, Session>();
  readonly #byClient = new Map<string, SessionKey>();

  get count(): number {
    return this.#sessions.size;
  }

  get all(): Iterable<Session> {
    return this.#sessions.values();
  }

  get(key: SessionKey): Session | undefined {
    return this.#sessions.get(key);
  }

  /** The session of a client in a namespace, if it has one here. */
  ofClient(namespace: string, clientId: string): Session | undefined {
    const key = this.#byClient.get(clientName(namespace, clientId));
    return key === undefined ? undefined : this.#sessions.get(key);
  }

  add(session: Session): void {
    this.#sessions.set(session.key, session);
    if (session.kind === "native") {
      this.#byClient.set(clientName(session.namespace, session.clientId), session.key);
    }
  }

  remove(session: Session): void {
    this.#sessions.delete(session.key);
    const name = clientName(session.namespace, session.clientId);
    if (this.#byClient.get(name) === session.key) this.#byClient.delete(name);
  }
}

function clientName(namespace: string, clientId: string): string {
  return `${namespace}\u0001${clientId}`;
}
