/** One node stepped by hand: what it sends is gathered, time goes on as it asks. */
import type { NodeDescription } from "../instance.js";
import type { PeerMessage, SessionMessage, SessionRequest } from "../messages.js";
import { SeededRandom } from "../random.js";
import { InstanceState, RecordKind, type RegistryRecord, Scope } from "../record.js";
import { MapRecordTable } from "../table/map-record-table.js";
import { type Instant, instant, type WallTime } from "../time.js";
import type { Command, CommandResult, Effect, NodeEvent } from "./events.js";
import { NODE_CONFIG_DEFAULT } from "./node-config.js";
import { RegistryNode, type RegistryNodeOptions } from "./registry-node.js";

export const GRANTS = { mayRead: true, mayRegister: true, mayOperate: true };

export class NodeBench {
  readonly node: RegistryNode;
  now: Instant = instant(0);
  readonly effects: Effect[] = [];

  constructor(options: Partial<RegistryNodeOptions> = {}) {
    const { nodeId = "a", region = "r" } = options;
    this.node = new RegistryNode({
      nodeId,
      generation: 5,
      region,
      zone: "z",
      description: describeNode(region, nodeId),
      encodedDescription: new Uint8Array([1]),
      seeds: [],
      config: NODE_CONFIG_DEFAULT,
      random: new SeededRandom(1),
      wallNow: () => (1_700_000_000_000 + this.now) as WallTime,
      table: new MapRecordTable(),
      decodeNodeDescription: (body) => describeNode("r", `node${body[0] ?? 0}`),
      now: instant(0),
      ...options,
    });
    this.step({ type: "tick" });
  }

  /** One event and the end of its turn; returns what came of it. */
  step(event: NodeEvent): Effect[] {
    const effects = [
      ...this.node.step(event, this.now),
      ...this.node.step({ type: "turn-end" }, this.now),
    ].map((effect) => structuredClone(effect));
    this.effects.push(...effects);
    return effects;
  }

  /** Ticks whenever the node asks for it; `meanwhile` is done every half second. */
  runUntil(end: number, meanwhile?: () => void): void {
    let beatAt = this.now + 500;
    while (this.now < end) {
      const next = Math.min(end, beatAt, Math.max(this.now, this.node.nextDeadline()));
      this.now = instant(next);
      this.step({ type: "tick" });
      if (next < beatAt) continue;
      beatAt += 500;
      meanwhile?.();
    }
  }

  openSession(session: number, clientId = `c${session}`, sessionNumber = 1): Effect[] {
    const client = { namespace: "default", grants: GRANTS, clientId, sessionNumber };
    return this.step({ type: "session-open", session, kind: "native", ...client });
  }

  say(session: number, message: Exclude<SessionRequest, { type: "hello" }>): Effect[] {
    return this.step({ type: "session-message", session, message });
  }

  beat(...sessions: number[]): void {
    for (const session of sessions) {
      this.say(session, { type: "heartbeat", sequence: 1, wantsDigests: false });
    }
  }

  /** `since` above 0: it was registered before, here or elsewhere. */
  register(session: number, id: string, incarnation = 0, since = 0): Effect[] {
    const state = { incarnation, since, state: InstanceState.up, scope: Scope.global };
    const item = { service: "cart", id, ...state, body: new Uint8Array([1]) };
    return this.say(session, { type: "register", requestId: 1, items: [item] });
  }

  run(command: Command): CommandResult | undefined {
    const effects = this.step({ type: "command", commandId: 1, command });
    return effects.find((effect) => effect.type === "command-result")?.result;
  }

  link(link: number, nodeId: string, region = "r"): Effect[] {
    const peer = { nodeId, generation: 1, region, zone: "z" };
    return this.step({ type: "link-open", link, peer, isOutbound: false, address: undefined });
  }

  hear(link: number, message: PeerMessage): Effect[] {
    return this.step({ type: "link-message", link, message });
  }

  /** The instance at an id in the service `cart`, tombstones included. */
  instance(id: string): RegistryRecord | undefined {
    const found = [...this.node.table.slots()]
      .map((slot) => this.node.table.read(slot))
      .find((one) => one.kind === RecordKind.instance && one.id === id);
    return found === undefined ? undefined : { ...found, body: found.body.slice() };
  }

  /** What everyone sees of an instance, in words. */
  seen(id: string): string {
    const record = this.instance(id);
    if (record === undefined) return "none";
    if (record.state === InstanceState.removed) return `removed ${record.reason}`;
    return record.isSuspect ? "suspect" : "alive";
  }
}

export function describeNode(region: string, address: string): NodeDescription {
  return { region, zone: "z", address, peerAddress: address, tls: false };
}

/** Messages to one session among effects. */
export function toSession(effects: readonly Effect[], session: number): SessionMessage[] {
  return effects.flatMap((effect) =>
    effect.type === "send-sessions" && effect.sessions.includes(session) ? [effect.message] : [],
  );
}

/** Events of notes among effects. */
export function notes(effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) => (effect.type === "note" ? [effect.event] : []));
}
