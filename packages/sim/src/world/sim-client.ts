/** One simulated program with FPZKClient: the real client machine and codecs, sockets replaced. */
import {
  type ClientCommand,
  type ClientEffect,
  type ClientEvent,
  ClientMachine,
  type CommandOutcome,
  instant,
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

export interface ClientWorld {
  readonly random: Random;
  now(): number;
  connect(from: SimClient, attempt: number, address: string): void;
  disconnect(from: SimClient, attempt: number): void;
  send(from: SimClient, message: SessionRequest, bytes: Uint8Array): void;
  schedule(at: number, run: () => void): void;
  viewChanged(from: SimClient, effect: Extract<ClientEffect, { type: "view-changed" }>): void;
  viewState(from: SimClient, service: string, state: ViewState): void;
  /** The program asks for something. */
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
  readonly clientId: string;
  readonly region: string;
  readonly seeds: readonly string[];
}

export class SimClient {
  readonly id: string;
  readonly region: string;
  readonly machine: ClientMachine;
  readonly #world: ClientWorld;
  readonly #seeds: readonly ServerAddress[];
  isUp = true;
  frozenUntil = 0;
  /** The attempt whose socket is sent to. */
  attached = 0;
  /** Settled commands by id. */
  readonly outcomes = new Map<number, CommandOutcome | { kind: "failed"; message: string }>();
  /** What the program was last told of each of its registrations. */
  readonly statuses = new Map<string, RegistrationStatus>();
  readonly viewStates = new Map<string, ViewState>();
  #commandId = 0;
  #timerAt = Number.POSITIVE_INFINITY;
  #isTurnPending = false;
  /** What came in and was not taken yet, the oldest first. */
  readonly #inbox: ClientEvent[] = [];
  #wakeAt = Number.NEGATIVE_INFINITY;

  constructor(world: ClientWorld, options: SimClientOptions) {
    this.#world = world;
    this.id = options.clientId;
    this.region = options.region;
    this.#seeds = options.seeds.map((address) => ({ address, serverName: undefined }));
    this.machine = new ClientMachine({
      namespace: "default",
      token: "",
      clientId: options.clientId,
      region: options.region,
      zone: "",
      agent: "sim",
      tls: false,
      seeds: this.#seeds,
      random: world.random,
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
      saveDelayMs: undefined,
    });
    this.feed({ type: "start" });
  }

  /** Asks the machine for something; its outcome appears in {@link outcomes}. */
  command(command: DistributiveOmit<ClientCommand, "commandId">): number {
    this.#commandId += 1;
    this.feed({ ...command, commandId: this.#commandId } as ClientCommand);
    return this.#commandId;
  }

  watch(service: string): void {
    this.feed({ type: "watch", service });
  }

  instances(service: string): readonly ViewInstance[] {
    return this.machine.view(service)?.instances ?? [];
  }

  feed(event: ClientEvent): void {
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

  #take(event: ClientEvent): void {
    const now = this.#world.now();
    if (isAsked(event)) this.#world.asked(this, event);
    this.#perform(this.machine.step(event, instant(now)));
    if (event.type !== "turn-end" && !this.#isTurnPending) {
      this.#isTurnPending = true;
      this.#world.schedule(now, () => {
        this.#isTurnPending = false;
        this.feed({ type: "turn-end" });
      });
    }
    this.#arm();
  }

  receive(attempt: number, bytes: Uint8Array): void {
    const decoded = decodeSessionMessage(bytes);
    if (!decoded.ok) throw new Error(`session message refused: ${decoded.refusal.message}`);
    this.feed({ type: "message", attempt, message: decoded.message as SessionMessage });
  }

  #arm(): void {
    const at = Math.max(this.#world.now(), this.machine.nextDeadline());
    if (!Number.isFinite(at) || at >= this.#timerAt) return;
    this.#timerAt = at;
    this.#world.schedule(at, () => {
      if (this.#timerAt !== at) return;
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.feed({ type: "tick" });
    });
  }

  #perform(effects: readonly ClientEffect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case "connect":
          this.#world.connect(this, effect.attempt, effect.server.address);
          break;
        case "disconnect":
          this.#world.disconnect(this, effect.attempt);
          break;
        case "attach":
          this.attached = effect.attempt;
          break;
        case "send":
          this.#world.send(this, effect.message, encodeSessionRequest(effect.message).slice());
          break;
        case "resolve-seeds":
          this.#world.schedule(this.#world.now(), () =>
            this.feed({ type: "seeds", servers: this.#seeds }),
          );
          break;
        case "view-changed":
          this.#world.viewChanged(this, effect);
          break;
        case "command-done":
          this.outcomes.set(effect.commandId, effect.outcome);
          this.#world.commandDone(this, effect.commandId, effect.outcome);
          break;
        case "command-failed":
          this.outcomes.set(effect.commandId, { kind: "failed", message: effect.message });
          this.#world.commandFailed(this, effect.commandId, effect.message);
          break;
        case "registration":
          this.statuses.set(`${effect.service}/${effect.id}`, effect.status);
          this.#world.registration(this, effect, effect.status);
          break;
        case "view-state":
          this.viewStates.set(effect.service, effect.state);
          this.#world.viewState(this, effect.service, effect.state);
          break;
        case "note":
          this.#world.clientNote(this, effect);
          break;
        default:
          break;
      }
    }
  }
}

/** Whether an event is the program's wish, not news from outside. */
function isAsked(event: ClientEvent): boolean {
  return (
    "commandId" in event ||
    event.type === "watch" ||
    event.type === "unwatch" ||
    event.type === "close"
  );
}

type DistributiveOmit<Union, Key extends PropertyKey> = Union extends unknown
  ? Omit<Union, Key>
  : never;
