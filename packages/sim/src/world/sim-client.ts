/** One simulated program with FPZKClient: the real client machine and codecs, sockets replaced. */
import {
  type ClientCommand,
  type ClientEffect,
  type ClientEvent,
  ClientMachine,
  type CommandOutcome,
  createPicker,
  instant,
  type Picker,
  type PolicyName,
  type Random,
  type RegistrationStatus,
  type ServerAddress,
  type SessionMessage,
  type SessionRequest,
  type ViewInstance,
  type ViewState,
} from "@fpzk/core";
import {
  decodeInstanceDescription,
  decodeOverrideDescription,
  decodeSessionMessage,
  encodeSessionRequest,
} from "@fpzk/protocol";
import type { Disk } from "./disk.js";
import { type ClockOptions, type ProcessWorld, SimProcess } from "./process.js";
import { readOnce } from "./read-once.js";
import type { SimNode } from "./sim-node.js";
import type { Socket } from "./socket.js";

/** The client's default: below it suspicion is ignored. */
const PANIC_RATIO = 0.5;
const SAVE_DELAY_MS = 1_000;

export interface ClientWorld extends ProcessWorld {
  /** Opens a connection; nothing comes of it while nobody answers. */
  connectSession(
    from: SimClient,
    address: string,
    events: { opened(socket: Socket): void; refused(): void },
  ): { cancel(): void };
  requestSent(from: SimClient, to: SimNode, message: SessionRequest, byteCount: number): void;
  viewChanged(from: SimClient, effect: Extract<ClientEffect, { type: "view-changed" }>): void;
  viewState(from: SimClient, service: string, state: ViewState): void;
  picked(from: SimClient, service: string, instance: ViewInstance | undefined): void;
  asked(from: SimClient, event: ClientEvent): void;
  commandDone(from: SimClient, commandId: number, outcome: CommandOutcome): void;
  commandFailed(from: SimClient, commandId: number, message: string): void;
  registration(
    from: SimClient,
    instance: { readonly service: string; readonly id: string },
    status: RegistrationStatus,
  ): void;
  clientNote(from: SimClient, effect: Extract<ClientEffect, { type: "note" }>): void;
}

export interface SimClientOptions {
  /** Names the process, and its client unless {@link helloClientId} does. */
  readonly clientId: string;
  /** What it calls itself towards nodes, when that is not its own name. */
  readonly helloClientId?: string;
  readonly region: string;
  readonly seeds: readonly string[];
  readonly clock?: ClockOptions;
  /** Where it keeps its last views; none by default. */
  readonly disk?: Disk;
}

/** A socket of an attempt to have a session, or the wish for one. */
interface Attempt {
  socket: Socket | undefined;
  readonly cancel: () => void;
}

export class SimClient extends SimProcess {
  readonly machine: ClientMachine;
  readonly #world: ClientWorld;
  readonly #random: Random;
  readonly #seeds: readonly ServerAddress[];
  readonly #disk: Disk | undefined;
  /** Settled commands by id. */
  readonly outcomes = new Map<number, CommandOutcome | { kind: "failed"; message: string }>();
  /** What the program was last told of each of its registrations. */
  readonly statuses = new Map<string, RegistrationStatus>();
  readonly viewStates = new Map<string, ViewState>();
  readonly #pickers = new Map<string, Picker>();
  readonly #attempts = new Map<number, Attempt>();
  #attached: Socket | undefined;
  #commandId = 0;
  readonly #events: ClientEvent[] = [];
  #isStepping = false;

  constructor(world: ClientWorld, options: SimClientOptions, random: Random) {
    super(world, { id: options.clientId, region: options.region, clock: options.clock });
    this.#world = world;
    this.#random = random;
    this.#disk = options.disk;
    this.#seeds = options.seeds.map((address) => ({ address, serverName: undefined }));
    this.machine = new ClientMachine({
      namespace: "default",
      token: "",
      clientId: options.helloClientId ?? options.clientId,
      region: options.region,
      zone: "",
      agent: "sim",
      tls: false,
      seeds: this.#seeds,
      random,
      decoder: {
        instance: (body) => {
          const decoded = decodeInstanceDescription(body);
          return decoded.ok ? decoded.description : undefined;
        },
        override: (body) => {
          const decoded = decodeOverrideDescription(body);
          return decoded.ok ? decoded.description : undefined;
        },
      },
      saveDelayMs: options.disk === undefined ? undefined : SAVE_DELAY_MS,
    });
    this.feed({ type: "start" });
  }

  /** Asks the machine for something; its outcome appears in {@link outcomes}. */
  command(command: DistributiveOmit<ClientCommand, "commandId">): number {
    this.#commandId += 1;
    this.feed({ ...command, commandId: this.#commandId } as ClientCommand);
    return this.#commandId;
  }

  /** Watches a service, from what is on disk if there is something. */
  watch(service: string): void {
    const saved = this.#disk?.loadView(service);
    this.feed({ type: "watch", service, ...(saved === undefined ? {} : { saved }) });
  }

  unwatch(service: string): void {
    this.viewStates.delete(service);
    this.#pickers.delete(service);
    this.feed({ type: "unwatch", service });
  }

  instances(service: string): readonly ViewInstance[] {
    return this.machine.view(service)?.instances ?? [];
  }

  /** Picks an instance as a program or a proxy does for each of its requests. */
  pick(service: string, policy: PolicyName): ViewInstance | undefined {
    let picker = this.#pickers.get(service);
    if (picker === undefined) {
      picker = createPicker(this.instances(service), {
        policy,
        random: this.#random,
        caller: { region: this.region, zone: "" },
        regionOrder: [],
        panicRatio: PANIC_RATIO,
        prefersNear: true,
      });
      this.#pickers.set(service, picker);
    }
    const picked = picker.pick(undefined, instant(this.#world.now()));
    this.#world.picked(this, service, picked);
    return picked;
  }

  /** Picks at a rhythm, as long as it lives and does not stand still. */
  keepPicking(service: string, policy: PolicyName, intervalMs: number): void {
    this.#world.schedule(this.#world.now() + intervalMs, () => {
      if (!this.isUp) return;
      if (!this.isFrozen && this.machine.view(service) !== undefined) this.pick(service, policy);
      this.keepPicking(service, policy, intervalMs);
    });
  }

  feed(event: ClientEvent): void {
    if (!this.isUp) return;
    if (this.isFrozen) {
      this.whenAwake(() => this.feed(event));
      return;
    }
    this.#events.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    for (let index = 0; index < this.#events.length; index += 1) {
      this.#step(this.#events[index] as ClientEvent);
    }
    this.#events.length = 0;
    this.#isStepping = false;
    this.arm(this.machine.nextDeadline());
  }

  protected override endTurn(): void {
    this.feed({ type: "turn-end" });
  }

  protected override tick(): void {
    this.feed({ type: "tick" });
  }

  #step(event: ClientEvent): void {
    if (!this.isUp) return;
    if (isAsked(event)) this.#world.asked(this, event);
    for (const effect of this.machine.step(event, this.localNow())) this.#perform(effect);
    if (event.type !== "turn-end") this.planTurnEnd();
  }

  #perform(effect: ClientEffect): void {
    switch (effect.type) {
      case "connect":
        this.#connect(effect.attempt, effect.server.address);
        return;
      case "disconnect":
        this.#disconnect(effect.attempt);
        return;
      case "attach":
        this.#attached = this.#attempts.get(effect.attempt)?.socket;
        return;
      case "send":
        this.#send(effect.message);
        return;
      case "resolve-seeds":
        this.#world.schedule(this.#world.now(), () =>
          this.feed({ type: "seeds", servers: this.#seeds }),
        );
        return;
      case "view-changed":
        // The real client replaces its pickers before it performs the next effect, too.
        this.#pickers.delete(effect.service);
        this.#world.viewChanged(this, effect);
        return;
      case "view-state":
        this.viewStates.set(effect.service, effect.state);
        this.#world.viewState(this, effect.service, effect.state);
        return;
      case "command-done":
        this.outcomes.set(effect.commandId, effect.outcome);
        this.#world.commandDone(this, effect.commandId, effect.outcome);
        return;
      case "command-failed":
        this.outcomes.set(effect.commandId, { kind: "failed", message: effect.message });
        this.#world.commandFailed(this, effect.commandId, effect.message);
        return;
      case "registration":
        this.statuses.set(`${effect.service}/${effect.id}`, effect.status);
        this.#world.registration(this, effect, effect.status);
        return;
      case "save-views":
        for (const service of effect.services) this.#save(service);
        return;
      case "note":
        this.#world.clientNote(this, effect);
        return;
      default:
        return;
    }
  }

  #connect(attempt: number, address: string): void {
    const ended = (cause: string) => {
      if (this.#attempts.delete(attempt)) this.feed({ type: "disconnected", attempt, cause });
    };
    const connection = this.#world.connectSession(this, address, {
      opened: (socket) => {
        const open = this.#attempts.get(attempt);
        if (open === undefined) {
          socket.close();
          return;
        }
        open.socket = socket;
        socket.events = {
          received: (bytes) => this.#receive(attempt, bytes),
          closed: () => ended("closed"),
        };
        this.feed({ type: "connected", attempt });
      },
      refused: () => ended("refused"),
    });
    this.#attempts.set(attempt, { socket: undefined, cancel: () => connection.cancel() });
  }

  #disconnect(attempt: number): void {
    const open = this.#attempts.get(attempt);
    this.#attempts.delete(attempt);
    open?.cancel();
    open?.socket?.close();
  }

  #send(message: SessionRequest): void {
    const socket = this.#attached;
    if (socket === undefined || !socket.isOpen) return;
    const bytes = encodeSessionRequest(message);
    this.#world.requestSent(this, socket.peerOwner as SimNode, message, bytes.length);
    socket.send(bytes);
  }

  #receive(attempt: number, bytes: Uint8Array): void {
    const decoded = readOnce(bytes, decodeSessionMessage);
    if (!decoded.ok) throw new Error(`session message refused: ${decoded.refusal.message}`);
    this.feed({ type: "message", attempt, message: decoded.message as SessionMessage });
  }

  #save(service: string): void {
    const view = this.machine.view(service);
    if (view !== undefined) this.#disk?.saveView(service, view.save());
  }
}

/** Whether an event is the program's own wish. */
function isAsked(event: ClientEvent): boolean {
  return "commandId" in event || ASKED.has(event.type);
}

const ASKED: ReadonlySet<string> = new Set(["watch", "unwatch", "close"]);

type DistributiveOmit<Union, Key extends PropertyKey> = Union extends unknown
  ? Omit<Union, Key>
  : never;
