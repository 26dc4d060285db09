/** One simulated FPZKServer: the real node and the real codecs, with sockets replaced. */
import {
  type Effect,
  instant,
  NODE_CONFIG_DEFAULT,
  type NodeConfig,
  type NodeEvent,
  type PeerMessage,
  type Random,
  RegistryNode,
  type RegistryRecord,
  type SessionMessage,
  type WallTime,
} from "@fpzk/core";
import {
  decodeNodeDescription,
  decodePeerMessage,
  encodeNodeDescription,
  encodePeerMessage,
} from "@fpzk/protocol";
import type { Stream } from "./network.js";
import { ObservedTable } from "./observed-table.js";

/** One side of a connection between two nodes. */
export interface Wire {
  readonly key: number;
  readonly peer: SimNode;
  readonly peerKey: number;
  /** What this side sends. */
  readonly stream: Stream;
}

export interface SimNodeOptions {
  readonly nodeId: string;
  readonly region: string;
  readonly seeds: readonly string[];
  readonly generation: number;
  readonly config?: Partial<NodeConfig>;
}

/** What a node needs of the world around it. */
export interface NodeWorld {
  readonly random: Random;
  now(): number;
  wallNow(): WallTime;
  dial(from: SimNode, address: string): void;
  sendPeer(from: SimNode, wire: Wire, message: PeerMessage, bytes: Uint8Array): void;
  closeWire(from: SimNode, wire: Wire): void;
  toSession(from: SimNode, session: number, message: SessionMessage): void;
  closeSession(from: SimNode, session: number, reason: string): void;
  commandResult(from: SimNode, effect: Extract<Effect, { type: "command-result" }>): void;
  note(from: SimNode, effect: Extract<Effect, { type: "note" }>): void;
  /** The process ends by itself. */
  left(from: SimNode): void;
  /** A record was put into the node's table. */
  stored(at: SimNode, record: RegistryRecord): void;
  /** A record leaves the node's table and nothing takes its place. */
  dropped(at: SimNode, record: RegistryRecord): void;
  schedule(at: number, run: () => void): void;
}

export class SimNode {
  readonly id: string;
  readonly region: string;
  /** The generation that this life began with; it may rise, no other life has one in between. */
  readonly startGeneration: number;
  readonly node: RegistryNode;
  readonly wires = new Map<number, Wire>();
  readonly #world: NodeWorld;
  isUp = true;
  #isTurnPending = false;
  /** What came in and was not taken yet, the oldest first. */
  readonly #inbox: NodeEvent[] = [];
  #wakeAt = Number.NEGATIVE_INFINITY;
  #timerAt = Number.POSITIVE_INFINITY;
  /** Until when this process is frozen: events wait. */
  frozenUntil = 0;

  constructor(world: NodeWorld, options: SimNodeOptions) {
    this.#world = world;
    this.id = options.nodeId;
    this.region = options.region;
    this.startGeneration = options.generation;
    const description = {
      region: options.region,
      zone: "",
      address: options.nodeId,
      peerAddress: options.nodeId,
      tls: false,
    };
    this.node = new RegistryNode({
      nodeId: options.nodeId,
      generation: options.generation,
      region: options.region,
      zone: "",
      description,
      encodedDescription: encodeNodeDescription(description),
      seeds: options.seeds,
      config: { ...NODE_CONFIG_DEFAULT, ...options.config },
      random: world.random,
      wallNow: () => world.wallNow(),
      table: new ObservedTable({
        stored: (record) => world.stored(this, record),
        dropped: (record) => world.dropped(this, record),
      }),
      decodeNodeDescription: (body) => {
        const decoded = decodeNodeDescription(body);
        return decoded.ok ? decoded.description : undefined;
      },
      now: instant(world.now()),
    });
    this.feed({ type: "tick" });
  }

  /** Gives the node an event now, or when it wakes. Nothing reaches a crashed node. */
  feed(event: NodeEvent): void {
    if (!this.isUp) return;
    this.#inbox.push(event);
    this.wake();
  }

  /** Takes what came in while it stood still, in the order in which it came. */
  wake(): void {
    if (this.#world.now() < this.frozenUntil) {
      this.#wakeIn();
      return;
    }
    for (let event = this.#inbox.shift(); event !== undefined; event = this.#inbox.shift()) {
      if (this.isUp) this.#take(event);
    }
  }

  /** One alarm is enough for all that waits; who was frozen for longer meanwhile sets another. */
  #wakeIn(): void {
    if (this.#wakeAt === this.frozenUntil) return;
    this.#wakeAt = this.frozenUntil;
    this.#world.schedule(this.frozenUntil, () => this.wake());
  }

  #take(event: NodeEvent): void {
    const now = this.#world.now();
    this.#perform(this.node.step(event, instant(now)));
    if (event.type !== "turn-end" && !this.#isTurnPending) {
      this.#isTurnPending = true;
      this.#world.schedule(now, () => {
        this.#isTurnPending = false;
        this.feed({ type: "turn-end" });
      });
    }
    this.#arm();
  }

  #arm(): void {
    const at = Math.max(this.#world.now(), this.node.nextDeadline());
    if (!Number.isFinite(at) || at >= this.#timerAt) return;
    this.#timerAt = at;
    this.#world.schedule(at, () => {
      if (this.#timerAt !== at) return;
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.feed({ type: "tick" });
    });
  }

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case "send-sessions":
          for (const session of effect.sessions) {
            this.#world.toSession(this, session, effect.message);
          }
          break;
        case "close-session":
          this.#world.closeSession(this, effect.session, effect.message);
          break;
        case "send-links": {
          const bytes = encodePeerMessage(effect.message).slice();
          for (const key of effect.links) {
            const wire = this.wires.get(key);
            if (wire !== undefined) this.#world.sendPeer(this, wire, effect.message, bytes);
          }
          break;
        }
        case "close-link": {
          const wire = this.wires.get(effect.link);
          if (wire !== undefined) this.#world.closeWire(this, wire);
          break;
        }
        case "dial":
          this.#world.dial(this, effect.address);
          break;
        case "command-result":
          this.#world.commandResult(this, effect);
          break;
        case "note":
          this.#world.note(this, effect);
          break;
        case "propagation":
          break;
        case "left":
          this.#world.left(this);
          break;
      }
    }
  }

  /** A message of a peer arrives. */
  receive(key: number, bytes: Uint8Array): void {
    if (!this.wires.has(key)) return;
    const decoded = decodePeerMessage(bytes);
    if (!decoded.ok) throw new Error(`peer message refused: ${decoded.refusal.message}`);
    this.feed({ type: "link-message", link: key, message: decoded.message });
  }
}
