/**
 * Random sequences of valid messages of sessions and peers, commands and time, against a node.
 *
 * Nothing may throw (an assertion that outside input can reach is a crash), and whatever the node
 * says must be what its peers and clients can read.
 */
import {
  ColumnRecordTable,
  type Command,
  type Effect,
  type InstanceState,
  type Instant,
  instant,
  MapRecordTable,
  NODE_CONFIG_DEFAULT,
  type NodeEvent,
  type PeerMessage,
  RegistryNode,
  type Scope,
  SeededRandom,
  type SessionRequest,
  type WallTime,
} from "@fpzk/core";
import {
  decodeNodeDescription,
  decodePeerMessage,
  decodeSessionMessage,
  decodeSessionRequest,
  encodeNodeDescription,
  encodePeerMessage,
  encodeSessionMessage,
  encodeSessionRequest,
} from "@fpzk/protocol";
import { Tape } from "../engine/tape.js";
import { type Target, Violation } from "../engine/target.js";
import * as words from "./words.js";

const STEP_COUNT_MAX = 80;
/** Deadlines that are met one by one while time passes. */
const TICK_COUNT_MAX = 8;
const SESSION_COUNT = 3;
const LINK_COUNT = 3;
const ALL_GRANTS = { mayRead: true, mayRegister: true, mayOperate: true };

class Life {
  readonly #tape: Tape;
  readonly #node: RegistryNode;
  #now: Instant = instant(1_000);
  #nextKey = 1;
  readonly #sessions: number[] = [];
  readonly #links: number[] = [];
  #commandId = 0;

  constructor(tape: Tape) {
    this.#tape = tape;
    const address = "127.0.0.1:7100";
    const description = {
      ...{ region: "eu", zone: "", address, peerAddress: address, tls: false },
      knowsAccusations: true,
    };
    this.#node = new RegistryNode({
      nodeId: words.SELF,
      generation: words.GENERATION,
      region: "eu",
      zone: "",
      description,
      encodedDescription: encodeNodeDescription(description),
      seeds: tape.flag() ? ["127.0.0.1:1"] : [],
      config: NODE_CONFIG_DEFAULT,
      random: new SeededRandom(tape.byte()),
      wallNow: () => (words.GENERATION + this.#now) as WallTime,
      table: tape.flag() ? new ColumnRecordTable({ hashSeed: 1 }) : new MapRecordTable(),
      decodeNodeDescription: (body) => {
        const decoded = decodeNodeDescription(body);
        return decoded.ok ? decoded.description : undefined;
      },
      now: this.#now,
    });
    this.#step({ type: "tick" });
  }

  run(): void {
    for (let count = 0; count < STEP_COUNT_MAX && !this.#tape.isAtEnd; count += 1) this.#act();
    // Whatever was said, the node goes on for a while.
    for (let count = 0; count < 3; count += 1) this.#pass(1_100);
    this.#node.digest();
    this.#node.members();
    this.#node.quarantined();
  }

  #act(): void {
    const tape = this.#tape;
    const action = tape.below(16);
    if (action < 4) return this.#peerSpeaks();
    if (action < 8) return this.#sessionSpeaks();
    if (action < 10) {
      return this.#pass(tape.pick([1, 200, 1_000, 3_000, 30_000, 900_000, 3_600_000, 86_400_000]));
    }
    if (action === 10) return this.#command();
    if (action === 11) return this.#step({ type: "turn-end" });
    if (action === 12) return this.#openSession();
    if (action === 13) return this.#openLink();
    if (action === 14) return this.#interrupt();
    const cause = tape.pick(["refused", "timeout", "rejected", "self"]);
    this.#step({ type: "dial-failed", address: "127.0.0.1:1", cause, detail: "" });
  }

  /** Time passes as a driver lets it: a tick at each deadline, up to a few. */
  #pass(ms: number): void {
    const end = instant(this.#now + ms);
    for (let count = 0; count < TICK_COUNT_MAX && this.#now < end; count += 1) {
      const next = Math.max(this.#now + 1, this.#node.nextDeadline());
      this.#now = instant(Math.min(end, next));
      this.#step({ type: "tick" });
      this.#step({ type: "turn-end" });
    }
    this.#now = end;
    this.#step({ type: "tick" });
    this.#step({ type: "turn-end" });
  }

  #openSession(): void {
    const tape = this.#tape;
    const session = this.#nextKey++;
    this.#step({
      type: "session-open",
      session,
      kind: tape.pick(["native", "stream"]),
      namespace: "default",
      grants: tape.below(8) === 0 ? { ...ALL_GRANTS, mayRegister: false } : ALL_GRANTS,
      clientId: tape.pick(["c1", "c2"]),
      sessionNumber: 1 + tape.below(4),
    });
    this.#sessions.push(session);
    if (this.#sessions.length > SESSION_COUNT) this.#closeSession();
  }

  #closeSession(): void {
    const session = this.#sessions.shift();
    if (session !== undefined) this.#step({ type: "session-close", session });
  }

  #openLink(): void {
    const tape = this.#tape;
    const link = this.#nextKey++;
    const nodeId = tape.pick(["n1", "n2", "n3"]);
    const generation = words.GENERATION + tape.below(2);
    this.#step({
      type: "link-open",
      link,
      peer: { nodeId, generation, region: words.regionOf(tape), zone: "" },
      isOutbound: tape.flag(),
      address: tape.flag() ? "127.0.0.1:1" : undefined,
    });
    this.#links.push(link);
    if (this.#links.length <= LINK_COUNT) return;
    const oldest = this.#links.shift();
    if (oldest !== undefined) this.#step({ type: "link-close", link: oldest });
  }

  #interrupt(): void {
    const tape = this.#tape;
    const session = this.#sessions[tape.below(SESSION_COUNT)] ?? 1;
    const link = this.#links[tape.below(LINK_COUNT)] ?? 1;
    const events: [NodeEvent, ...NodeEvent[]] = [
      { type: "session-congested", session },
      { type: "session-writable", session },
      { type: "link-congested", link },
      { type: "link-writable", link },
      { type: "session-close", session },
      { type: "link-close", link },
      { type: "shutdown" },
    ];
    this.#step(tape.pick(events));
  }

  #sessionSpeaks(): void {
    if (this.#sessions.length === 0) this.#openSession();
    const session = this.#sessions[this.#tape.below(this.#sessions.length)];
    const decoded = decodeSessionRequest(encodeSessionRequest(requestOf(this.#tape)).slice());
    if (session === undefined || !decoded.ok || decoded.message.type === "hello") return;
    this.#step({ type: "session-message", session, message: decoded.message });
  }

  #peerSpeaks(): void {
    if (this.#links.length === 0) this.#openLink();
    const link = this.#links[this.#tape.below(this.#links.length)];
    const decoded = decodePeerMessage(encodePeerMessage(peerMessageOf(this.#tape)).slice());
    if (link === undefined || !decoded.ok) return;
    this.#step({ type: "link-message", link, message: decoded.message });
  }

  #command(): void {
    this.#commandId += 1;
    this.#step({
      type: "command",
      commandId: this.#commandId,
      command: commandOf(this.#tape),
    });
  }

  #step(event: NodeEvent): void {
    for (const effect of this.#node.step(event, this.#now)) checkReadable(effect);
  }
}

/** What a node sends is what its peers and clients read, without anything left out. */
function checkReadable(effect: Effect): void {
  if (effect.type === "send-links") {
    const decoded = decodePeerMessage(encodePeerMessage(effect.message).slice());
    if (!decoded.ok) throw new Violation(`peers cannot read: ${decoded.refusal.message}`);
    if (decoded.message.type === "route") return;
    const [refused] = decoded.message.refused ?? [];
    if (refused !== undefined) throw new Violation(`peers leave out: ${refused.reason}`);
    if (decoded.message.type === "digest") return;
    for (const { holes = [] } of decoded.message.groups) {
      const found = holes.find(({ reason }) => reason.startsWith("records["));
      if (found !== undefined) throw new Violation(`peers cannot read: ${found.reason}`);
    }
  } else if (effect.type === "send-sessions") {
    const decoded = decodeSessionMessage(encodeSessionMessage(effect.message).slice());
    if (!decoded.ok) throw new Violation(`clients cannot read: ${decoded.refusal.message}`);
  }
}

/** Bytes from here on choose words that came later, so that kept tapes say what they ever said. */
const LATER_WORD_MIN = 224;

function requestOf(tape: Tape): SessionRequest {
  const requestId = 1 + tape.below(5);
  const service = words.serviceOf(tape);
  const id = words.idOf(tape);
  const choice = tape.byte();
  if (choice >= LATER_WORD_MIN) return laterRequestOf(tape, { service, id });
  switch (choice % 10) {
    case 0:
    case 1:
      return {
        type: "register",
        requestId,
        items: tape.list(3, () => ({
          service: words.serviceOf(tape),
          id: words.idOf(tape),
          incarnation: words.stampOf(tape).incarnation,
          since: tape.pick([0, 1, Number.MAX_SAFE_INTEGER]),
          state: words.stateOf(tape),
          scope: tape.below(2) as Scope,
          body: words.bodyOf(tape),
        })),
      };
    case 2:
      return { type: "deregister", requestId, service, id, reason: words.reasonOf(tape) };
    case 3: {
      const timeoutMs = tape.pick([0, 1_000, 86_400_000]);
      const leftRegions = tape.flag() ? ["eu", "us"] : [];
      const state = words.stateOf(tape);
      return { type: "set-state", requestId, service, id, state, timeoutMs, leftRegions };
    }
    case 4: {
      const position = words.positionOf(tape);
      return { type: "watch", requestId, service, position, digest: words.digestOf(tape) };
    }
    case 5:
      return { type: "unwatch", service };
    case 6:
      return { type: "query", requestId, service };
    case 7:
      return { type: "heartbeat", sequence: tape.byte(), wantsDigests: tape.flag() };
    case 8:
      return { type: "confirm", service, id, stamp: words.stampOf(tape) };
    default:
      return { type: "ahead", service, id, stamp: words.stampOf(tape) };
  }
}

function laterRequestOf(
  tape: Tape,
  address: { readonly service: string; readonly id: string },
): SessionRequest {
  if (tape.below(4) === 0) return { type: "goodbye" };
  return { type: "accuse", ...address, ...accusationOf(tape) };
}

function accusationOf(tape: Tape) {
  return { incarnation: words.stampOf(tape).incarnation, isRetraction: tape.below(4) === 0 };
}

function peerMessageOf(tape: Tape): PeerMessage {
  const lives = () =>
    tape.list(2, () => ({
      nodeId: words.nodeIdOf(tape),
      generation: words.originOf(tape).generation,
    }));
  const entries = () =>
    tape.list(4, () => {
      const version = words.versionOf(tape);
      const watermark = tape.flag() ? 0 : Math.min(version, words.versionOf(tape));
      const content = words.digestOf(tape);
      const partial = tape.below(8) === 0 ? ({ isPartial: true } as const) : {};
      return { origin: words.originOf(tape), version, watermark, content, ...partial };
    });
  switch (tape.below(8)) {
    case 0:
    case 1:
      return {
        type: "digest",
        entries: entries(),
        floors: tape.below(4) === 0 ? lives() : [],
        hears: tape.list(3, () => words.nodeIdOf(tape)),
        isReady: tape.below(4) !== 0,
        repair: tape.pick(["now", "lagging", "none"]),
        ended: tape.below(4) === 0 ? lives() : [],
      };
    case 2: {
      const groups = tape.list(3, () => words.groupOf(tape));
      return {
        type: "reset",
        origins: tape.below(4) === 0 ? tape.list(2, () => words.originOf(tape)) : [],
        groups: groups.map(({ origin, records }) => ({ origin, records })),
        isFinal: tape.flag(),
        entries: entries(),
        floors: tape.below(4) === 0 ? lives() : [],
      };
    }
    case 3:
      return {
        type: "route",
        to: words.nodeIdOf(tape),
        from: words.nodeIdOf(tape),
        hops: tape.below(4),
        payload: payloadOf(tape),
      };
    default:
      return { type: "delta", groups: tape.list(3, () => words.groupOf(tape)) };
  }
}

function payloadOf(tape: Tape): Extract<PeerMessage, { type: "route" }>["payload"] {
  const address = {
    namespace: "default",
    service: words.serviceOf(tape),
    id: words.idOf(tape),
  };
  const generation = words.originOf(tape).generation;
  const outcome = { confirmedCount: tape.byte(), unconfirmed: tape.flag() ? ["n1/c1"] : [] };
  const stamp = words.stampOf(tape);
  switch (tape.below(4)) {
    case 0:
      return {
        kind: "drain-confirm",
        recordKind: tape.pick([1, 3, 2]),
        ...address,
        stamp,
        isQuestion: tape.flag(),
        isLeft: tape.flag(),
        generation,
        ...outcome,
      };
    case 1:
      return { kind: "canary-echo", counter: tape.byte(), region: words.regionOf(tape) };
    case 2:
      return { kind: "command", commandId: tape.byte(), command: routedCommandOf(tape, address) };
    default:
      return {
        kind: "command-result",
        commandId: tape.below(6),
        code: tape.flag() ? undefined : "not_found",
        message: "",
        stamp: tape.flag() ? stamp : undefined,
        ...outcome,
      };
  }
}

type Address = { readonly namespace: string; readonly service: string; readonly id: string };

function routedCommandOf(tape: Tape, address: Address) {
  const choice = tape.byte();
  if (choice >= LATER_WORD_MIN) {
    const accuser = tape.pick(["c1", "c2", "10.0.0.1"]);
    return { kind: "accuse", ...address, ...accusationOf(tape), accuser } as const;
  }
  switch (choice % 5) {
    case 0:
      return { kind: "renew", ...address } as const;
    case 1:
      return { kind: "deregister", ...address, reason: words.reasonOf(tape) } as const;
    case 2: {
      const timeoutMs = tape.pick([0, 1_000, 300_000]);
      return { kind: "set-state", ...address, state: words.stateOf(tape), timeoutMs } as const;
    }
    case 3:
      return { kind: "rise", ...address, stamp: words.stampOf(tape) } as const;
    default:
      return { kind: "update", ...address, body: words.bodyOf(tape) } as const;
  }
}

/** What the REST interface may ask: removal is `deregister`, never a state. */
function commandOf(tape: Tape): Command {
  const address = {
    namespace: "default",
    service: words.serviceOf(tape),
    id: words.idOf(tape),
  };
  const state: InstanceState = tape.pick([0, 1, 2]);
  switch (tape.below(4)) {
    case 0:
      return {
        kind: "register",
        ...address,
        scope: tape.below(2) as Scope,
        state,
        ttlMs: tape.pick([1_000, 30_000, 3_600_000]),
        body: words.bodyOf(tape),
      };
    case 1:
      return {
        kind: "override",
        ...address,
        state: tape.flag() ? state : undefined,
        body: words.bodyOf(tape),
        description: {},
        timeoutMs: tape.pick([0, 1_000]),
      };
    default: {
      const command = routedCommandOf(tape, address);
      return command.kind === "set-state" ? { ...command, state } : command;
    }
  }
}

export const NODE_SEQUENCES: Target = {
  name: "node-sequences",
  form: "tape",
  seeds: (random) =>
    Array.from({ length: 40 }, () =>
      Uint8Array.from({ length: 400 }, () => Math.floor(random.next() * 256)),
    ),
  run: (input) => new Life(new Tape(input)).run(),
  covers: ["packages/core/dist/"],
  maxBytes: 2_000,
};
