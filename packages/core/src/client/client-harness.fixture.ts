/** A client machine stepped by hand: its clock, and what it asked for as short texts. */
import assert from "node:assert/strict";
import { HLC_COUNTER_SPAN } from "../hlc.js";
import type { MemberView, SessionMessage, WelcomeMessage } from "../messages.js";
import { SeededRandom } from "../random.js";
import { InstanceState, Scope, type Stamp } from "../record.js";
import { instant } from "../time.js";
import type { ClientCommand, ClientEffect, ClientEvent } from "./client-events.js";
import { ClientMachine } from "./client-session.js";
import { decoder, origin, record } from "./view-records.fixture.js";

export const WELCOME: WelcomeMessage = {
  type: "welcome",
  nodeId: "n1",
  generation: 1,
  region: "r",
  heartbeatIntervalMs: 1_000,
  ttlMs: 3_000,
  reconnectDelayMs: 0,
  isReady: true,
  firstIncarnation: 0,
  knowsRouteSets: true,
  knowsAccusations: true,
};

/** A client, its clock, and what it asked for as short texts. */
export class Harness {
  readonly machine: ClientMachine;
  now = 1_000;
  attempt = 0;
  /** Attempts whose sockets have not ended. */
  readonly open = new Set<number>();
  effects: ClientEffect[] = [];
  #commandCount = 0;

  constructor(seed = 1) {
    this.machine = new ClientMachine({
      ...{ namespace: "default", token: "", clientId: "c", region: "r", zone: "z" },
      ...{ agent: "test", tls: false, seeds: [], decoder, saveDelayMs: undefined },
      random: new SeededRandom(seed),
    });
  }

  /** Steps, and gives what came of it. */
  step(event: ClientEvent): string[] {
    const effects = this.machine.step(event, instant(this.now));
    this.effects.push(...effects);
    for (const effect of effects) {
      if (effect.type === "connect") this.attempt = effect.attempt;
      if (effect.type === "connect") this.open.add(effect.attempt);
      if (effect.type === "disconnect") this.open.delete(effect.attempt);
    }
    return effects.flatMap((effect) => describe(effect));
  }

  read(message: SessionMessage): string[] {
    return this.step({ type: "message", attempt: this.attempt, message });
  }

  command(command: CommandWithoutId): string[] {
    this.#commandCount += 1;
    const commandId = this.#commandCount;
    const texts = this.step({
      timeoutMs: 5_000,
      service: "s",
      ...command,
      commandId,
    } as ClientEvent);
    return [...texts, ...this.step({ type: "turn-end" })];
  }

  register(id: string): string[] {
    const content = { scope: Scope.global, state: InstanceState.up, body: new Uint8Array([100]) };
    return this.command({ type: "register", id, ...content });
  }

  /** Lets time pass, with a tick at each deadline in between. */
  elapse(ms: number): string[] {
    const end = this.now + ms;
    const texts: string[] = [];
    for (let tick = 0; tick < 1_000; tick += 1) {
      const deadline = this.machine.nextDeadline();
      if (deadline > end) break;
      this.now = Math.max(this.now, deadline);
      texts.push(...this.step({ type: "tick" }));
    }
    this.now = end;
    return texts;
  }

  start(...addresses: string[]): string[] {
    const servers = addresses.map((address) => ({ address, serverName: undefined }));
    return [...this.step({ type: "start" }), ...this.step({ type: "seeds", servers })];
  }

  connected(): string[] {
    return this.step({ type: "connected", attempt: this.attempt });
  }

  failed(): string[] {
    return this.step({ type: "connect-failed", attempt: this.attempt, cause: "ECONNREFUSED" });
  }

  /** Every socket that is being opened fails, also those that are tried because of it. */
  failAll(): void {
    for (const attempt of this.open) {
      this.step({ type: "connect-failed", attempt, cause: "ECONNREFUSED" });
    }
  }

  disconnected(): string[] {
    return this.step({ type: "disconnected", attempt: this.attempt, cause: "closed" });
  }

  /** Online at `n1`. */
  online(welcome: Partial<WelcomeMessage> = {}): this {
    this.start("n1");
    this.connected();
    this.read({ ...WELCOME, ...welcome });
    return this;
  }

  registered(requestId: number, id: string, stamp: Stamp, since = 77): string[] {
    const items = [{ service: "s", id, stamp, since, code: undefined, message: "" }];
    return this.read({ type: "registered", requestId, items });
  }

  /** The request id of the last message of a type. */
  sent(type: "register" | "deregister" | "set-state" | "watch" | "query"): number {
    const found = this.effects.findLast(
      (effect) => effect.type === "send" && effect.message.type === type,
    );
    assert.ok(found?.type === "send" && "requestId" in found.message, `no ${type} was sent`);
    return found.message.requestId;
  }
}

type WithoutId<Command> = Command extends unknown
  ? Omit<Command, "commandId" | "service" | "timeoutMs"> & { timeoutMs?: number }
  : never;
type CommandWithoutId = WithoutId<ClientCommand>;

const STATE_NAMES = ["up", "offline", "draining", "removed"] as const;

/** One line per effect that matters; notes are for people. */
function describe(effect: ClientEffect): string[] {
  switch (effect.type) {
    case "connect":
      return [`connect ${effect.server.address}`];
    case "send":
      return [describeSent(effect.message)];
    case "online":
      return [`online ${effect.nodeId}`];
    case "command-done":
      return [`done ${effect.commandId} ${effect.outcome.kind}`];
    case "command-failed":
      return [`failed ${effect.commandId} ${effect.code}`];
    case "registration":
      return [`${effect.id} is ${effect.status}`];
    case "view-changed":
      return [`view ${effect.changes.map((one) => `${one.type} ${one.instance.id}`).join(", ")}`];
    case "view-state": {
      const { isComplete, isCurrent } = effect.state;
      return [`view is ${isComplete ? "complete" : "incomplete"}${isCurrent ? " current" : ""}`];
    }
    case "note":
    case "attach":
    case "server-failed":
      return [];
    default:
      return [effect.type];
  }
}

function describeSent(message: Extract<ClientEffect, { type: "send" }>["message"]): string {
  switch (message.type) {
    case "hello":
      return `send hello ${message.sessionNumber}`;
    case "register": {
      const items = message.items.map(
        ({ id, incarnation, since, state }) =>
          `${id}/${incarnation}/${since}/${STATE_NAMES[state]}`,
      );
      return `send register ${items.length > 3 ? items.length : items.join(" ")}`;
    }
    case "watch":
      return `send watch ${message.service} ${message.position.map((one) => one.version).join(",")}`;
    case "set-state":
      return `send ${STATE_NAMES[message.state]} ${message.id} ${message.timeoutMs}`;
    case "deregister":
      return `send deregister ${message.id}`;
    case "heartbeat":
      return `send heartbeat ${message.sequence}${message.wantsDigests ? " digests" : ""}`;
    case "confirm":
      return `send confirm ${message.id}`;
    case "ahead":
      return `send ahead ${message.id} ${message.stamp.incarnation}`;
    default:
      return `send ${message.type}`;
  }
}

/** The state, which the compiler must not think it knows. */
export function stateOf(client: Harness): string {
  return client.machine.state;
}

export function stamp(incarnation: number, session = 1): Stamp {
  return { incarnation, session, claim: 0 };
}

export function member(nodeId: string, change: Partial<MemberView> = {}): MemberView {
  const base = { generation: 1, region: "r", zone: "z", tls: false, status: "alive" } as const;
  return { nodeId, address: nodeId, ...base, ...change };
}

export function snapshot(requestId: number, ...ids: string[]): SessionMessage {
  const records = ids.map((id, index) => record(id, index + 1));
  return {
    ...{ type: "snapshot", requestId, service: "s", kind: "full", isFinal: true },
    groups: [{ origin: origin("n1"), records }],
    position: [{ origin: origin("n1"), version: ids.length }],
    digest: { high: 0, low: 0 },
  };
}

/** Asserts that one registration was sent, above an incarnation by less than a millisecond. */
export function assertRegistersAbove(texts: readonly string[], id: string, least: number): number {
  const [text = "", ...others] = texts;
  const found = new RegExp(`^send register ${id}/(\\d+)/`).exec(text);
  const incarnation = Number(found?.[1]);
  const isAbove = incarnation > least && incarnation <= least + HLC_COUNTER_SPAN;
  assert.ok(isAbove && others.length === 0, `${texts.join()} registers ${id} above ${least}`);
  return incarnation;
}
