/**
 * The way of a client from a node that still serves it to the next one: because the node asks, or
 * to be nearer.
 *
 * A socket to the next node, the *successor*, is opened while the session goes on. Once it is there,
 * everything is said again on it, and the session that was left ends a little later (`parting.ts`).
 * Without a node to go to the session goes on for as long as the node lets it. When to go nearer:
 * `homecoming.ts`.
 */
import { assert } from "../assert.js";
import type { MoveMessage } from "../messages.js";
import type { Random } from "../random.js";
import { after, type Instant, instant, NEVER } from "../time.js";
import type { ClientEffect } from "./client-events.js";
import { type Attempt, CONNECT_TIMEOUT_MS } from "./connection-race.js";
import { Homecoming } from "./homecoming.js";
import type { LiveSession } from "./live-session.js";
import { Parting } from "./parting.js";
import type { Candidate, ServerList } from "./server-list.js";

/** A node that asked its clients to move is not tried again before, where there are others. */
const MOVE_AVOID_MS = 3_000;
/**
 * Who is asked to move may be about to be removed as silent: the first try of a server is this
 * short, so that one which answers is found in time. A slow way has all its time at the second.
 */
const MOVE_TRY_MS = 1_000;

export interface MovingPorts {
  readonly servers: ServerList;
  readonly random: Random;
  /** Begins to open a socket. */
  readonly open: (candidate: Candidate, timeoutMs: number, now: Instant) => Attempt;
  readonly emit: (effect: ClientEffect) => void;
}

export class Moving {
  readonly #ports: MovingPorts;
  readonly #homecoming: Homecoming;
  #successor: Attempt | undefined;
  #parting: Parting | undefined;

  constructor(ports: MovingPorts) {
    this.#ports = ports;
    this.#homecoming = new Homecoming(ports.random);
  }

  /** The attempt at the node to move to, while the session goes on. */
  get successor(): Attempt | undefined {
    return this.#successor;
  }

  /** @param hasMovedIn - The node of the session has answered all that was said to it. */
  nextDeadline(hasMovedIn: () => boolean): Instant {
    const partingAt = this.#parting?.deadline(hasMovedIn()) ?? NEVER;
    return instant(Math.min(partingAt, this.#successor?.deadline ?? NEVER, this.#homecoming.at));
  }

  /** The session that was left has nothing to wait for any more. */
  isPartingDue(hasMovedIn: () => boolean, now: Instant): boolean {
    return this.#parting !== undefined && this.#parting.deadline(hasMovedIn()) <= now;
  }

  /** The successor takes too long to be there. */
  isOverdue(now: Instant): boolean {
    return this.#successor !== undefined && this.#successor.deadline <= now;
  }

  /** The node asks to move. */
  asked(
    { delayMs, reason }: MoveMessage,
    session: LiveSession,
    address: string | undefined,
    now: Instant,
  ): void {
    const { servers } = this.#ports;
    session.moveAt = after(now, delayMs);
    if (address !== undefined && servers.count > 1) {
      servers.avoid(address, after(now, delayMs + MOVE_AVOID_MS));
    }
    this.#note("client.move", { delayMs, reason });
  }

  /**
   * Looks for the node to move to; while there is none to try, the session goes on.
   *
   * @param address - Of the node that asked.
   * @returns False when that one is the only node.
   */
  seek(session: LiveSession, address: string | undefined, now: Instant): boolean {
    const { servers, open } = this.#ports;
    const next = servers.next(now);
    if (next === undefined || "waitUntil" in next) {
      session.moveAt = next?.waitUntil ?? after(now, MOVE_AVOID_MS);
      return true;
    }
    if (next.server.address === address) return false;
    const hasFailed = servers.hasFailed(next.server.address);
    this.#successor = open(next, hasFailed ? CONNECT_TIMEOUT_MS : MOVE_TRY_MS, now);
    session.moveAt = this.#successor.deadline;
    return true;
  }

  /** The successor is not there. */
  failed(cause: string, now: Instant): void {
    assert(this.#successor !== undefined, "only an attempt to move fails");
    const { address } = this.#successor.server;
    this.#note("client.move-failed", { address, cause });
    this.#ports.servers.failed(address, now);
    this.dropSuccessor();
  }

  dropSuccessor(): void {
    if (this.#successor === undefined) return;
    this.#ports.emit({ type: "disconnect", attempt: this.#successor.number });
    this.#successor = undefined;
  }

  /** The node has told of the members: is one of them nearer? */
  membersTold({ welcome, reconnectDelayMs }: LiveSession, now: Instant): void {
    const isNearerAlive = this.#ports.servers.isNearerAlive(welcome.nodeId);
    this.#homecoming.told(isNearerAlive, reconnectDelayMs, now);
  }

  /** Tries a server that is nearer, if it is time. */
  goHomeIfDue(session: LiveSession, now: Instant): void {
    if (this.#homecoming.at > now) return;
    this.#homecoming.tried(now);
    if (this.#successor !== undefined || session.isAskedToMove) return;
    const nearer = this.#ports.servers.nextNearer(session.welcome.nodeId, now);
    if (nearer === undefined) return;
    this.#note("client.going-home", { address: nearer.server.address });
    this.#successor = this.#ports.open(nearer, CONNECT_TIMEOUT_MS, now);
  }

  /**
   * The successor is there, and takes over.
   *
   * @param left - The attempt whose session is left, and ends later.
   * @param region - Of the node that is left.
   */
  leave(left: number, region: string, now: Instant): Attempt {
    const successor = this.#successor;
    assert(successor !== undefined, "a move has two ends");
    this.#parting = new Parting(left, region, after(now, CONNECT_TIMEOUT_MS));
    this.#successor = undefined;
    this.offline();
    return successor;
  }

  /** The next node has welcomed the client. */
  welcomed(now: Instant): void {
    this.#parting?.welcomed(now);
  }

  /** The session is over: what its node told is, too. */
  offline(): void {
    this.#homecoming.offline();
  }

  /** The session that was left, which is to end now. */
  endParting(): Parting | undefined {
    const parting = this.#parting;
    this.#parting = undefined;
    return parting;
  }

  #note(event: string, fields: Readonly<Record<string, string | number>>): void {
    this.#ports.emit({ type: "note", level: "info", event, fields });
  }
}
