/** One simulated FPZKServer: the real node and the real codecs, with sockets replaced. */
import {
  ColumnRecordTable,
  type Effect,
  MapRecordTable,
  type NodeConfig,
  type NodeEvent,
  type Random,
  RegistryNode,
  type RegistryRecord,
} from "@fpzk/core";
import { decodeNodeDescription, encodeNodeDescription } from "@fpzk/protocol";
import type { Disk } from "./disk.js";
import { type LinkWorld, NodeLinks } from "./node-links.js";
import { NodeSessions, type SessionWorld } from "./node-sessions.js";
import { observeTable } from "./observed-table.js";
import { type ClockOptions, type ProcessWorld, SimProcess } from "./process.js";
import { type Release, THIS_RELEASE } from "./release.js";

export interface SimNodeOptions {
  readonly nodeId: string;
  readonly region: string;
  readonly seeds: readonly string[];
  readonly clock?: ClockOptions;
  readonly release?: Release;
  /** Where it keeps its generation and its table; none by default. */
  readonly disk?: Disk;
  /** How often it writes its table; needs a disk. */
  readonly snapshotIntervalMs?: number;
  readonly tableKind?: "map" | "column";
}

/** What a node needs of the world around it. */
export interface NodeWorld extends ProcessWorld, LinkWorld, SessionWorld {
  readonly config: NodeConfig;
  readonly buffers: BufferSizes;
  commandResult(from: SimNode, effect: Extract<Effect, { type: "command-result" }>): void;
  note(from: SimNode, effect: Extract<Effect, { type: "note" }>): void;
  propagation(from: SimNode, region: string, elapsedMs: number): void;
  /** The process ends by itself. */
  left(from: SimNode): void;
  /** A record was put into the node's table. */
  stored(at: SimNode, record: RegistryRecord): void;
  /** A record left the node's table and nothing took its place. */
  dropped(at: SimNode, record: RegistryRecord): void;
}

/** Bounds of what may wait, as small as a history wants to meet them. */
export interface BufferSizes {
  /** What the systems of both ends hold for one way of a connection. */
  readonly windowBytes: number;
  readonly linkQueueMaxBytes: number;
  readonly sessionQueueMaxBytes: number;
}

export class SimNode extends SimProcess {
  readonly node: RegistryNode;
  readonly release: Release;
  /** The generation that this life began with; it may rise, no other life has one in between. */
  readonly startGeneration: number;
  readonly links: NodeLinks;
  readonly sessions: NodeSessions;
  readonly #world: NodeWorld;
  readonly #random: Random;
  /** Events that one step causes come after it. */
  readonly #events: NodeEvent[] = [];
  #isStepping = false;

  constructor(world: NodeWorld, options: SimNodeOptions, random: Random) {
    super(world, { id: options.nodeId, region: options.region, clock: options.clock });
    this.#world = world;
    this.#random = random;
    this.release = options.release ?? THIS_RELEASE;
    const { disk } = options;
    this.startGeneration = disk?.takeGeneration(this.wallNow()) ?? Math.floor(this.wallNow());
    const { linkQueueMaxBytes, sessionQueueMaxBytes } = world.buffers;
    this.links = new NodeLinks(this, world, linkQueueMaxBytes);
    this.sessions = new NodeSessions(this, world, sessionQueueMaxBytes);
    this.node = this.#createNode(options);
    const saved = disk?.loadTable();
    if (saved !== undefined) this.node.restore(saved.records, saved.entries, this.localNow());
    if (disk !== undefined) this.#planSave(disk, options.snapshotIntervalMs ?? 0);
    this.feed({ type: "tick" });
  }

  #createNode(options: SimNodeOptions): RegistryNode {
    const { nodeId, region, seeds } = options;
    const description = {
      ...{ region, zone: "", address: nodeId, peerAddress: nodeId, tls: false },
      knowsAccusations: true,
    };
    const table =
      options.tableKind === "column"
        ? new ColumnRecordTable({ hashSeed: Math.floor(this.#random.next() * 2 ** 32) })
        : new MapRecordTable();
    return new RegistryNode({
      nodeId,
      generation: this.startGeneration,
      region,
      zone: "",
      description,
      encodedDescription: encodeNodeDescription(description).slice(),
      seeds,
      config: this.#world.config,
      random: this.#random,
      wallNow: () => this.wallNow(),
      table: observeTable(table, {
        stored: (record) => this.#world.stored(this, record),
        dropped: (record) => this.#world.dropped(this, record),
      }),
      decodeNodeDescription: (body) => {
        const decoded = decodeNodeDescription(body);
        return decoded.ok ? decoded.description : undefined;
      },
      now: this.localNow(),
    });
  }

  /** Gives the node an event now, or when it wakes. Nothing reaches a node that ended. */
  feed(event: NodeEvent): void {
    if (!this.isUp) return;
    if (this.isFrozen) {
      this.whenAwake(() => this.feed(event));
      return;
    }
    this.#events.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    for (let index = 0; index < this.#events.length; index += 1) {
      this.#step(this.#events[index] as NodeEvent);
    }
    this.#events.length = 0;
    this.#isStepping = false;
    this.arm(this.node.nextDeadline());
  }

  /** Random bytes that need not be secret. */
  drawBytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => Math.floor(this.#random.next() * 256));
  }

  protected override endTurn(): void {
    this.feed({ type: "turn-end" });
  }

  protected override tick(): void {
    this.feed({ type: "tick" });
  }

  #step(event: NodeEvent): void {
    if (!this.isUp) return;
    for (const effect of this.node.step(event, this.localNow())) this.#perform(effect);
    if (event.type !== "turn-end") this.planTurnEnd();
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case "send-sessions":
        this.sessions.send(effect.sessions, effect.message);
        return;
      case "close-session":
        this.sessions.close(effect.session);
        return;
      case "send-links":
        this.links.send(effect.links, effect.message);
        return;
      case "close-link":
        this.links.close(effect.link);
        return;
      case "dial":
        this.links.dial(effect.address, effect.expectedNodeId);
        return;
      case "command-result":
        this.#world.commandResult(this, effect);
        return;
      case "note":
        this.#world.note(this, effect);
        return;
      case "propagation":
        this.#world.propagation(this, effect.region, effect.elapsedMs);
        return;
      case "left":
        this.#world.left(this);
        return;
    }
  }

  #planSave(disk: Disk, intervalMs: number): void {
    if (intervalMs <= 0) return;
    this.#world.schedule(this.#world.now() + intervalMs, () => {
      this.whenAwake(() => disk.saveTable(this.node));
      if (this.isUp) this.#planSave(disk, intervalMs);
    });
  }
}
