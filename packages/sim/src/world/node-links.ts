/**
 * The links of a simulated node to its peers: what the server's peer hub does with real sockets.
 *
 * Dials, lets the real handshake run over the connection, and from then on carries messages. Watches
 * the queue of each link and tells the node when it grows beyond its bound and when it is low again.
 */
import { type LinkKey, livingGeneration, type PeerIdentity, type PeerMessage } from "@fpzk/core";
import {
  decodePeerMessage,
  encodePeerMessage,
  type HandshakeOutcome,
  type HandshakeStep,
  PeerHandshake,
} from "@fpzk/protocol";
import { readOnce } from "./read-once.js";
import { spokenBy } from "./release.js";
import type { SimNode } from "./sim-node.js";
import type { Socket } from "./socket.js";

/** Of a dial, and of a handshake. */
const DIAL_TIMEOUT_MS = 3_000;
/** A queue beyond so many times its bound ends the link. */
const QUEUE_END_RATIO = 4;
const NONCE_BYTES = 32;

/** What links need of the world. */
export interface LinkWorld {
  schedule(at: number, run: () => void): void;
  now(): number;
  /** Opens a connection; nothing comes of it while nobody answers. */
  connectPeer(from: SimNode, address: string, events: DialEvents): { cancel(): void };
  peerSent(from: SimNode, to: SimNode, message: PeerMessage, byteCount: number): void;
  refused(by: SimNode, message: string): void;
}

export interface DialEvents {
  opened(socket: Socket): void;
  refused(): void;
}

interface Dial {
  readonly address: string;
  readonly expectedNodeId: string | undefined;
}

interface Link {
  readonly key: LinkKey;
  readonly socket: Socket;
  readonly handshake: PeerHandshake;
  /** Undefined for one that came in, or whose dial is settled. */
  dial: Dial | undefined;
  readonly address: string | undefined;
  peer: SimNode | undefined;
  isCongested: boolean;
}

export class NodeLinks {
  readonly #node: SimNode;
  readonly #world: LinkWorld;
  readonly #queueMaxBytes: number;
  readonly #links = new Map<LinkKey, Link>();
  #nextKey = 1;

  constructor(node: SimNode, world: LinkWorld, queueMaxBytes: number) {
    this.#node = node;
    this.#world = world;
    this.#queueMaxBytes = queueMaxBytes;
  }

  /** The nodes that it has open links to, once for each link. */
  get peers(): SimNode[] {
    return [...this.#links.values()].flatMap(({ peer }) => (peer === undefined ? [] : [peer]));
  }

  dial(address: string, expectedNodeId: string | undefined): void {
    const dial = { address, expectedNodeId };
    let isPending = true;
    const settle = () => {
      const wasPending = isPending;
      isPending = false;
      return wasPending;
    };
    const connection = this.#world.connectPeer(this.#node, address, {
      opened: (socket) => {
        if (settle()) this.#start(socket, dial);
        else socket.close();
      },
      refused: () => {
        if (settle()) this.#dialFailed(dial, "refused", "nothing listens there");
      },
    });
    this.#world.schedule(this.#world.now() + DIAL_TIMEOUT_MS, () => {
      if (!settle()) return;
      connection.cancel();
      this.#node.whenAwake(() => this.#dialFailed(dial, "timeout", "nobody answers"));
    });
  }

  /** A peer connected. */
  accept(socket: Socket): void {
    this.#start(socket, undefined);
  }

  send(keys: readonly LinkKey[], message: PeerMessage): void {
    let bytes: Uint8Array | undefined;
    for (const key of keys) {
      const link = this.#links.get(key);
      if (link?.peer === undefined) continue;
      bytes ??= spokenBy(this.#node.release, encodePeerMessage(message));
      this.#world.peerSent(this.#node, link.peer, message, bytes.length);
      link.socket.send(bytes, true);
      this.#judgeQueue(link);
    }
  }

  close(key: LinkKey): void {
    const link = this.#links.get(key);
    if (link === undefined) return;
    this.#forget(link);
    link.socket.close();
  }

  #start(socket: Socket, dial: Dial | undefined): void {
    const { node } = this.#node;
    const link: Link = {
      key: this.#nextKey++,
      socket,
      handshake: new PeerHandshake({
        role: dial === undefined ? "acceptor" : "dialer",
        self: this.#identity(),
        clusterName: "sim",
        fingerprint: "",
        nonce: this.#node.drawBytes(NONCE_BYTES),
        proof: undefined,
        expectedNodeId: dial?.expectedNodeId,
        knownGeneration: (nodeId) => livingGeneration(node.members(), nodeId),
        protocolVersion: this.#node.release.protocolVersion,
      }),
      dial,
      address: dial?.address,
      peer: undefined,
      isCongested: false,
    };
    this.#links.set(link.key, link);
    socket.events = {
      received: (bytes) => this.#receive(link, bytes),
      closed: () => this.#closed(link),
      flushed: () => this.#flushed(link),
    };
    this.#apply(link, link.handshake.start());
    this.#world.schedule(this.#world.now() + DIAL_TIMEOUT_MS, () => {
      if (link.peer !== undefined || !socket.isOpen) return;
      this.#node.whenAwake(() => {
        if (link.peer === undefined) this.#end(link, "timeout", "the handshake took too long");
      });
    });
  }

  #identity(): PeerIdentity {
    const { id: nodeId, region, node } = this.#node;
    return { nodeId, generation: node.generation, region, zone: "" };
  }

  #receive(link: Link, bytes: Uint8Array): void {
    if (link.peer === undefined) {
      this.#apply(link, link.handshake.receive(bytes));
      return;
    }
    const decoded = readOnce(bytes, decodePeerMessage);
    if (!decoded.ok) {
      this.#world.refused(this.#node, decoded.refusal.message);
      this.close(link.key);
      return;
    }
    this.#node.feed({ type: "link-message", link: link.key, message: decoded.message });
  }

  #apply(link: Link, step: HandshakeStep): void {
    for (const frame of step.send) link.socket.send(frame.slice());
    if (step.outcome !== undefined) this.#conclude(link, step.outcome);
  }

  #conclude(link: Link, outcome: HandshakeOutcome): void {
    if (outcome.type === "refused") {
      const { cause, refusal } = outcome;
      if (cause === "rejected") this.#world.refused(this.#node, refusal.message);
      this.#end(link, cause, refusal.message);
      return;
    }
    link.dial = undefined;
    link.peer = link.socket.peerOwner as SimNode;
    this.#node.feed({
      type: "link-open",
      link: link.key,
      peer: outcome.peer,
      isOutbound: link.address !== undefined,
      address: link.address,
    });
  }

  #end(link: Link, cause: "timeout" | "rejected" | "self", detail: string): void {
    const { dial } = link;
    link.dial = undefined;
    this.#forget(link);
    link.socket.close();
    if (dial !== undefined) this.#dialFailed(dial, cause, detail);
  }

  #closed(link: Link): void {
    const { dial } = link;
    link.dial = undefined;
    this.#forget(link);
    if (dial !== undefined) this.#dialFailed(dial, "timeout", "the connection ended too early");
  }

  #dialFailed({ address }: Dial, cause: DialCause, detail: string): void {
    this.#node.feed({ type: "dial-failed", address, cause, detail });
  }

  #judgeQueue(link: Link): void {
    const { queuedBytes } = link.socket;
    if (queuedBytes <= this.#queueMaxBytes) return;
    if (!link.isCongested) {
      link.isCongested = true;
      this.#node.feed({ type: "link-congested", link: link.key });
    } else if (queuedBytes > QUEUE_END_RATIO * this.#queueMaxBytes) {
      this.#forget(link);
      link.socket.abort();
    }
  }

  #flushed(link: Link): void {
    if (!link.isCongested || link.socket.queuedBytes > this.#queueMaxBytes / 2) return;
    link.isCongested = false;
    this.#node.feed({ type: "link-writable", link: link.key });
  }

  #forget(link: Link): void {
    if (!this.#links.delete(link.key) || link.peer === undefined) return;
    this.#node.feed({ type: "link-close", link: link.key });
  }
}

type DialCause = "refused" | "timeout" | "rejected" | "self";
