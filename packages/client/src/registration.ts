/** One registration of this process as its program sees it. */
import { randomUUID } from "node:crypto";
import {
  type ClientCommand,
  type CommandOutcome,
  ErrorCode,
  InstanceState,
  type RegistrationStatus,
  RegistryError,
  Scope,
} from "@fpzk/core";
import {
  checkName,
  encodeInstanceDescription,
  parseInstanceDescription,
  problemText,
} from "@fpzk/protocol";
import type { DrainResult, Registration, RegistrationHandle, RequestOptions } from "./api.js";

/** A command as a registration gives it; the client adds the id and runs it. */
type WithoutId<Command> = Command extends unknown ? Omit<Command, "commandId"> : never;
export type CommandBody = WithoutId<ClientCommand>;

/** What a registration needs of the client. */
export interface RegistrationHost {
  readonly region: string;
  readonly zone: string;
  readonly requestTimeoutMs: number;
  readonly drainTimeoutMs: number;
  /** Wall time of the process's start, ms since 1970. */
  readonly startWallTime: number;
  localAddress(): string;
  run(command: CommandBody): Promise<CommandOutcome>;
}

type Content = Omit<Registration, "service" | "id" | "visibility" | "state">;

export class RegistrationEntry implements RegistrationHandle {
  readonly service: string;
  readonly id: string;
  readonly superseded: Promise<void>;
  readonly #host: RegistrationHost;
  readonly #scope: Scope;
  #content: Content;
  #state: InstanceState;
  #status: RegistrationStatus = "registering";
  #tellSuperseded: () => void = () => {};

  /** @throws {@link RegistryError} `invalid_argument` with everything that is wrong. */
  constructor(registration: Registration, host: RegistrationHost) {
    const { service, id, visibility, state, ...content } = registration;
    this.#host = host;
    this.service = service;
    this.#content = content;
    this.#scope = visibility === "region" ? Scope.region : Scope.global;
    this.#state = state === "offline" ? InstanceState.offline : InstanceState.up;
    this.id = id ?? defaultId(content, host);
    const refusal = checkName("service", service) ?? checkName("id", this.id);
    if (refusal !== undefined)
      throw new RegistryError(refusal.code, `register: ${refusal.message}`);
    this.superseded = new Promise((resolve) => {
      this.#tellSuperseded = resolve;
    });
  }

  get status(): RegistrationStatus {
    return this.#status;
  }

  /** What a node told of it. */
  setStatus(status: RegistrationStatus): void {
    this.#status = status;
    if (status === "superseded") this.#tellSuperseded();
  }

  /** Sends it the first time. */
  async register(options: RequestOptions = {}): Promise<void> {
    const { service, id } = this;
    const body = this.#encode(this.#content);
    const timeoutMs = options.timeoutMs ?? this.#host.requestTimeoutMs;
    const scope = this.#scope;
    await this.#host.run({
      type: "register",
      timeoutMs,
      service,
      id,
      scope,
      state: this.#state,
      body,
    });
  }

  async update(
    change: Partial<Omit<Registration, "service" | "id" | "visibility">>,
    options: RequestOptions = {},
  ): Promise<void> {
    const { state, ...content } = change;
    const next = { ...this.#content, ...content };
    const body = this.#encode(next);
    const timeoutMs = options.timeoutMs ?? this.#host.requestTimeoutMs;
    const { service, id } = this;
    const work: Promise<unknown>[] = [
      this.#host.run({ type: "update", timeoutMs, service, id, body }),
    ];
    if (state !== undefined) work.push(this.#setState(STATES[state], options));
    await Promise.all(work);
    this.#content = next;
  }

  async offline(options: RequestOptions = {}): Promise<void> {
    await this.#setState(InstanceState.offline, options);
  }

  async online(options: RequestOptions = {}): Promise<void> {
    await this.#setState(InstanceState.up, options);
  }

  async drain(options: { timeoutMs?: number } = {}): Promise<DrainResult> {
    const timeoutMs = options.timeoutMs ?? this.#host.drainTimeoutMs;
    const { service, id } = this;
    const outcome = await this.#host.run({ type: "drain", timeoutMs, service, id });
    if (outcome.kind !== "drained") return { confirmedCount: 0, unconfirmed: [] };
    const { confirmedCount, unconfirmed } = outcome;
    return { confirmedCount, unconfirmed };
  }

  async deregister(options: RequestOptions = {}): Promise<void> {
    if (this.#status === "removed" || this.#status === "superseded") return;
    const timeoutMs = options.timeoutMs ?? this.#host.requestTimeoutMs;
    const { service, id } = this;
    await this.#host.run({ type: "deregister", timeoutMs, service, id });
  }

  async #setState(state: InstanceState, options: RequestOptions): Promise<void> {
    const timeoutMs = options.timeoutMs ?? this.#host.requestTimeoutMs;
    const { service, id } = this;
    await this.#host.run({ type: "set-state", timeoutMs, service, id, state });
    this.#state = state;
  }

  #encode(content: Content): Uint8Array {
    const { region, zone, startWallTime } = this.#host;
    const given = Object.entries(content).filter(([, value]) => value !== undefined);
    const defaults = { region, zone, startWallTime, host: this.#host.localAddress() };
    const parsed = parseInstanceDescription(Object.fromEntries(given), defaults);
    if (!parsed.ok) {
      const text = parsed.problems.map((problem) => problemText(problem)).join("; ");
      const message = `register ${this.service}/${this.id}: ${text}`;
      throw new RegistryError(ErrorCode.invalidArgument, message);
    }
    return encodeInstanceDescription(parsed.description);
  }
}

const STATES = { up: InstanceState.up, offline: InstanceState.offline } as const;

function defaultId(content: Content, host: RegistrationHost): string {
  const endpoint = content.endpoints?.[0];
  if (endpoint === undefined) return randomUUID();
  return `${endpoint.host ?? host.localAddress()}:${endpoint.port}`;
}
