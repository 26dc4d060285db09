/**
 * L3 and P7: every drain ends in its time, and "everyone confirmed" is true.
 *
 * Claims: a drain is answered, or fails, within its timeout and {@link ANSWER_MS}. When it says
 * that nobody is unconfirmed, no program with a live session that is current about the service can
 * pick the instance, in whatever region it is connected.
 *
 * Nor does such a program pick it for a request afterwards, until its own program asks for anything
 * new of it, or another process registers it.
 *
 * Judged from: what programs ask and are answered; real pickers, made from each program's view at
 * that moment and asked for anybody but the others; and what programs pick for their requests.
 *
 * Excuses: a process that stood still answers when it wakes. A subscriber whose node had no way,
 * not even through others, to the drainer's node during the last {@link PATH_MS} may count as
 * gone: nobody could tell the cut from a death. What a program without a session picks is P8's,
 * not P7's. What another process registered under that id, in a region of its own, is another
 * instance. And a region's own instance that its program left in another region, whose nodes have
 * all lost it since: a view there keeps it for want of evidence (P4), and nobody knows to ask.
 *
 * Cannot see: drains that an operator asks for; one-way readers, which confirm nothing.
 */
import {
  type ClientEvent,
  type CommandOutcome,
  createPicker,
  instant,
  PolicyName,
  Scope,
  SeededRandom,
  type ViewInstance,
} from "@fpzk/core";
import type { Beginnings } from "./beginnings.js";
import type { Reach, SeenProcess } from "./reach.js";
import { nameOf } from "./record-order.js";
import type { SeenClient, SeenNode } from "./seen.js";
import type { Court } from "./verdict.js";

/** After a drain's timeout, until its answer: what the client grants the way back, and some. */
export const ANSWER_MS = 5_000;
/** A node that word could reach for so long is known to live, and is asked. */
export const PATH_MS = 15_000;

/** A subscriber as far as drains go. */
export type Subscriber = SeenClient &
  SeenProcess & {
    readonly machine: { readonly state: string; readonly connectedNodeId: string | undefined };
    readonly viewStates: ReadonlyMap<string, { readonly isCurrent: boolean }>;
    instances(service: string): readonly ViewInstance[];
  };

type LivingNode = SeenNode & SeenProcess;

export interface SubscriberWorld {
  readonly nodes: ReadonlyMap<string, LivingNode>;
  readonly clients: ReadonlyMap<string, Subscriber>;
  /** Whether both sides know of a session between them. */
  hasSession(client: Subscriber, node: LivingNode): boolean;
  /** Whether a node holds a live record of an instance in a scope. */
  holds(node: LivingNode, scope: Scope, name: { service: string; id: string }): boolean;
}

interface Drain {
  readonly client: Subscriber;
  readonly service: string;
  readonly id: string;
  readonly askedAt: number;
  readonly timeoutMs: number;
}

export class Drains {
  readonly #court: Court;
  readonly #reach: Reach;
  readonly #world: SubscriberWorld;
  readonly #beginnings: Pick<Beginnings, "clockOf">;
  readonly #open = new Map<string, Drain>();
  /** service/id → the drain that everyone confirmed, and that nothing has lifted since. */
  readonly #confirmed = new Map<string, Drain>();

  constructor(
    court: Court,
    reach: Reach,
    world: SubscriberWorld,
    beginnings: Pick<Beginnings, "clockOf">,
  ) {
    this.#court = court;
    this.#reach = reach;
    this.#world = world;
    this.#beginnings = beginnings;
  }

  asked(client: Subscriber, event: ClientEvent): void {
    if ("id" in event) this.#confirmed.delete(nameOf(event));
    if (event.type !== "drain") return;
    const { service, id, timeoutMs } = event;
    const askedAt = this.#court.now();
    this.#open.set(drainName(client, event.commandId), { client, service, id, askedAt, timeoutMs });
  }

  commandDone(client: Subscriber, commandId: number, outcome: CommandOutcome): void {
    const drain = this.#end(client, commandId);
    if (drain === undefined || outcome.kind !== "drained") return;
    if (outcome.unconfirmed.length > 0) return;
    this.#checkNobodyPicks(drain);
    this.#confirmed.set(nameOf(drain), drain);
  }

  /** A program picked an instance for a request. */
  picked(client: Subscriber, service: string, instance: ViewInstance | undefined): void {
    if (instance === undefined || this.#confirmed.size === 0) return;
    const drain = this.#confirmed.get(nameOf({ service, id: instance.id }));
    const home = this.#world.nodes.get(drain?.client.machine.connectedNodeId ?? "");
    if (drain === undefined || home === undefined) return;
    if (!this.#isOf(drain, instance)) return;
    if (!this.#isTold(client, home, service) || this.#isLostAfar(client, home, drain)) return;
    const text = `${client.id} picked ${nameOf(drain)} of ${drain.client.id}, which was drained with everyone's confirmation`;
    this.#court.fail("P7", text);
  }

  commandFailed(client: Subscriber, commandId: number): void {
    this.#end(client, commandId);
  }

  clientEnded(client: SeenClient): void {
    for (const drains of [this.#open, this.#confirmed]) {
      for (const [name, drain] of drains) if (drain.client === client) drains.delete(name);
    }
  }

  /** Looks for drains that should have ended; to be called once in a second. */
  look(): void {
    for (const [name, drain] of this.#open) {
      if (!this.#isLate(drain)) continue;
      this.#open.delete(name);
      this.#failLate(drain, "has no answer");
    }
  }

  #end(client: Subscriber, commandId: number): Drain | undefined {
    const name = drainName(client, commandId);
    const drain = this.#open.get(name);
    this.#open.delete(name);
    if (drain !== undefined && this.#isLate(drain)) this.#failLate(drain, "was answered late");
    return drain;
  }

  #isLate({ client, askedAt, timeoutMs }: Drain): boolean {
    const awakeSince = this.#reach.awakeSince(client);
    return this.#court.now() > Math.max(askedAt + timeoutMs, awakeSince) + ANSWER_MS;
  }

  #failLate({ client, service, id, askedAt, timeoutMs }: Drain, what: string): void {
    const since = `asked for at ${Math.round(askedAt)} ms for ${timeoutMs} ms`;
    this.#court.fail("L3", `the drain of ${service}/${id} by ${client.id}, ${since}, ${what}`);
  }

  #checkNobodyPicks(drain: Drain): void {
    const home = this.#world.nodes.get(drain.client.machine.connectedNodeId ?? "");
    if (home === undefined) return;
    for (const other of this.#world.clients.values()) {
      if (!this.#isTold(other, home, drain.service)) continue;
      const instance = pickable(other, drain);
      if (instance === undefined || !this.#isOf(drain, instance)) continue;
      if (this.#isLostAfar(other, home, drain)) continue;
      const at = other.machine.connectedNodeId;
      const text = `${nameOf(drain)} of ${drain.client.id} at ${home.id} was drained, everyone confirmed, and ${other.id} at ${at} still picks it`;
      this.#court.fail("P7", text);
    }
  }

  /** Whether it was registered by the process that drains: by when that one began. */
  #isOf({ client }: Drain, { since }: ViewInstance): boolean {
    return since === (this.#beginnings.clockOf(client) ?? since);
  }

  /** Whether it is a region's own, and no node of the other's region holds what is seen there. */
  #isLostAfar({ machine }: Subscriber, home: LivingNode, drain: Drain): boolean {
    const region = this.#world.nodes.get(machine.connectedNodeId ?? "")?.region;
    if (region === home.region || !this.#world.holds(home, Scope.region, drain)) return false;
    const nodes = [...this.#world.nodes.values()].filter((node) => node.region === region);
    return !nodes.some((node) => this.#world.holds(node, Scope.region, drain));
  }

  /** Whether a program is one of the connected subscribers that the promise speaks of. */
  #isTold(other: Subscriber, home: LivingNode, service: string): boolean {
    if (other.machine.state !== "online") return false;
    if (other.viewStates.get(service)?.isCurrent !== true) return false;
    const node = this.#world.nodes.get(other.machine.connectedNodeId ?? "");
    if (node === undefined || !this.#world.hasSession(other, node)) return false;
    return this.#reach.pathSince(home, node) <= this.#court.now() - PATH_MS;
  }
}

const ANY_TIME = instant(0);

/** What a picker made from the program's view, asked for anybody but the others, gives of it. */
function pickable(client: Subscriber, { service, id }: Drain): ViewInstance | undefined {
  const instances = client.instances(service);
  const picker = createPicker(instances, {
    policy: PolicyName.random,
    random: new SeededRandom(1),
    caller: { region: client.region, zone: "" },
    regionOrder: [],
    panicRatio: 0.5,
    prefersNear: false,
  });
  const excluded = new Set(instances.map((each) => each.id).filter((each) => each !== id));
  const picked = picker.pick({ excluded }, ANY_TIME);
  return picked?.id === id ? picked : undefined;
}

function drainName(client: SeenClient, commandId: number): string {
  return `${client.id}#${commandId}`;
}
