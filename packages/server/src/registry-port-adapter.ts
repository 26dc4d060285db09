/**
 * The registry port over a running node: rights are checked here, commands become events, queries
 * read the table.
 */
import {
  type Command,
  type CommandResult,
  type ContentDigest,
  DRAIN_TIMEOUT_MAX_MS,
  ErrorCode,
  type InstanceDescription,
  InstanceState,
  type MemberView,
  NO_SLOT,
  type NodeEvent,
  type OriginVersion,
  type OverrideDescription,
  type RecordKey,
  RecordKind,
  type RecordTable,
  RegistryError,
  RemovalReason as Removal,
  type RemovalReason,
  ROUTE_PENDING_COUNT_MAX,
  type SessionMessage,
  type Slot,
  type Stamp,
  type Suspicion,
} from "@fpzk/core";
import { checkName, encodeInstanceDescription, encodeOverrideDescription } from "@fpzk/protocol";
import type { Logger } from "./logger.js";
import type {
  DrainOutcome,
  InstanceAddress,
  LeaseRegistration,
  NodeState,
  PortWatch,
  Principal,
  QuarantinedOriginView,
  RegistryPort,
  RouteSetPort,
  ServiceAnswer,
  ServiceSummary,
} from "./registry-port.js";
import { RouteSetPortAdapter } from "./route-set-port.js";
import type { SessionHub } from "./session-hub.js";
import { summarizeServices, viewService } from "./table-view.js";

/** The part of core's node that faces need. */
export interface QueriedNode {
  readonly nodeId: string;
  readonly region: string;
  readonly zone: string;
  readonly generation: number;
  readonly isReady: boolean;
  readonly readyReason: string;
  readonly table: RecordTable;
  members(): readonly MemberView[];
  suspicionOf(slot: Slot): Suspicion | undefined;
  quarantined(): readonly QuarantinedOriginView[];
  position(): readonly OriginVersion[];
}

export interface RegistryPortAdapterOptions {
  readonly node: QueriedNode;
  readonly submit: (event: NodeEvent) => void;
  readonly hub: Pick<SessionHub, "openStream" | "closeStream">;
  readonly logger: Logger;
}

/** Answers of the node that do not wait for subscribers. */
const COMMAND_TIMEOUT_MS = 10_000;
/** On top of a drain's own time, for its answer to come back. */
const DRAIN_SLACK_MS = 5_000;

type Right = "mayRead" | "mayRegister" | "mayOperate";

interface PendingCommand {
  readonly resolve: (result: CommandResult) => void;
  readonly reject: (error: RegistryError) => void;
  readonly timer: NodeJS.Timeout;
}

export class RegistryPortAdapter implements RegistryPort {
  readonly routeSets: RouteSetPort;
  readonly #node: QueriedNode;
  readonly #submit: (event: NodeEvent) => void;
  readonly #hub: Pick<SessionHub, "openStream" | "closeStream">;
  readonly #logger: Logger;
  readonly #pending = new Map<number, PendingCommand>();
  #nextCommandId = 1;

  constructor(options: RegistryPortAdapterOptions) {
    this.#node = options.node;
    this.#submit = options.submit;
    this.#hub = options.hub;
    this.#logger = options.logger;
    this.routeSets = new RouteSetPortAdapter({
      table: options.node.table,
      requireReady: () => this.#requireReady(),
      ask: (command) => this.#ask(command, COMMAND_TIMEOUT_MS),
      logger: options.logger,
    });
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /** Performs `command-result`. A result that comes after its deadline is dropped. */
  settle(commandId: number, result: CommandResult): void {
    const pending = this.#take(commandId);
    if (pending === undefined) return;
    const refusal = result.refusal;
    if (refusal === undefined) pending.resolve(result);
    else pending.reject(new RegistryError(refusal.code, refusal.message));
  }

  /** The node is leaving: nobody waits for an answer any more. */
  close(): void {
    for (const commandId of [...this.#pending.keys()]) {
      const error = new RegistryError(ErrorCode.unavailable, "the node is leaving");
      this.#take(commandId)?.reject(error);
    }
  }

  async register(
    principal: Principal,
    registration: LeaseRegistration,
  ): Promise<{ stamp: Stamp; isNew: boolean }> {
    requireRight(principal, registration.namespace, "mayRegister", "register");
    checkAddress(registration);
    const { namespace, service, id, scope, state, ttlMs } = registration;
    const body = encodeInstanceDescription(registration.description);
    const command: Command = {
      kind: "register",
      namespace,
      service,
      id,
      scope,
      state,
      ttlMs,
      body,
    };
    const isNew = !this.#isLive({ kind: RecordKind.instance, namespace, service, id, scope });
    const result = await this.#ask(command, COMMAND_TIMEOUT_MS);
    return { stamp: stampOf(result, registration), isNew };
  }

  async update(
    principal: Principal,
    address: InstanceAddress,
    description: InstanceDescription,
  ): Promise<{ stamp: Stamp }> {
    requireRight(principal, address.namespace, "mayRegister", "update");
    checkAddress(address);
    const body = encodeInstanceDescription(description);
    const command: Command = { kind: "update", ...plainAddress(address), body };
    return { stamp: stampOf(await this.#ask(command, COMMAND_TIMEOUT_MS), address) };
  }

  async renew(principal: Principal, address: InstanceAddress): Promise<void> {
    requireRight(principal, address.namespace, "mayRegister", "renew");
    checkAddress(address);
    await this.#ask({ kind: "renew", ...plainAddress(address) }, COMMAND_TIMEOUT_MS);
  }

  async deregister(
    principal: Principal,
    address: InstanceAddress,
    reason: RemovalReason,
  ): Promise<void> {
    const isOperator = reason === Removal.operator;
    const right = isOperator ? "mayOperate" : "mayRegister";
    const run = async () => {
      requireRight(principal, address.namespace, right, "deregister");
      checkAddress(address);
      const command: Command = { kind: "deregister", ...plainAddress(address), reason };
      return this.#ask(command, COMMAND_TIMEOUT_MS);
    };
    const what = { ...plainAddress(address) };
    if (isOperator) await this.#audited("audit.deregister", principal, what, run);
    else await run();
  }

  async setState(
    principal: Principal,
    address: InstanceAddress,
    state: InstanceState,
    timeoutMs: number,
  ): Promise<DrainOutcome> {
    requireRight(principal, address.namespace, "mayRegister", "set the state");
    checkAddress(address);
    checkDrainTimeout(timeoutMs);
    const command: Command = { kind: "set-state", ...plainAddress(address), state, timeoutMs };
    return outcomeOf(await this.#ask(command, timeoutFor(state, timeoutMs)));
  }

  async override(
    principal: Principal,
    address: InstanceAddress,
    state: InstanceState | undefined,
    description: OverrideDescription,
    timeoutMs: number,
  ): Promise<DrainOutcome> {
    const fields = {
      ...plainAddress(address),
      state: state === undefined ? "lifted" : stateName(state),
      weight: description.weight,
      note: description.note,
    };
    const run = async () => {
      requireRight(principal, address.namespace, "mayOperate", "override");
      checkAddress(address);
      checkDrainTimeout(timeoutMs);
      const command: Command = {
        kind: "override",
        ...plainAddress(address),
        state,
        body: encodeOverrideDescription(description),
        description,
        timeoutMs,
      };
      return this.#ask(command, timeoutFor(state, timeoutMs));
    };
    return outcomeOf(await this.#audited("audit.override", principal, fields, run));
  }

  query(principal: Principal, namespace: string, service: string): ServiceAnswer {
    requireRight(principal, namespace, "mayRead", "query");
    this.#requireReady();
    const { table } = this.#node;
    const index = table.findService(namespace, service);
    return {
      namespace,
      service,
      instances: viewService(table, index, this.#node.members(), (slot) =>
        this.#node.suspicionOf(slot),
      ),
      digest: index < 0 ? { high: 0, low: 0 } : table.digestOf(index),
      position: this.#node.position(),
    };
  }

  services(principal: Principal, namespace: string): readonly ServiceSummary[] {
    requireRight(principal, namespace, "mayRead", "list services");
    this.#requireReady();
    return summarizeServices(this.#node.table, namespace);
  }

  watch(
    principal: Principal,
    namespace: string,
    service: string,
    from: { position: readonly OriginVersion[]; digest: ContentDigest },
    listener: (message: SessionMessage) => void,
  ): PortWatch {
    const grants = principal.grantsOf(namespace);
    requireRight(principal, namespace, "mayRead", "watch");
    checkNamed("namespace", namespace);
    checkNamed("service", service);
    const session = this.#hub.openStream(namespace, grants, listener, principal.expiresWallMs);
    const { position, digest } = from;
    this.#submit({
      type: "session-message",
      session,
      message: { type: "watch", requestId: 1, service, position, digest },
    });
    return {
      close: () => this.#hub.closeStream(session),
      pause: () => this.#submit({ type: "session-congested", session }),
      resume: () => this.#submit({ type: "session-writable", session }),
    };
  }

  nodes(): readonly MemberView[] {
    return this.#node.members();
  }

  async forgetNode(principal: Principal, nodeId: string): Promise<void> {
    await this.#audited("audit.forget-node", principal, { nodeId }, async () => {
      // A node serves every namespace.
      requireRight(principal, "*", "mayOperate", "forget a node");
      return this.#ask({ kind: "forget-node", nodeId }, COMMAND_TIMEOUT_MS);
    });
  }

  quarantined(): readonly QuarantinedOriginView[] {
    return this.#node.quarantined();
  }

  state(): NodeState {
    const { nodeId, region, zone, generation, isReady, readyReason } = this.#node;
    return { nodeId, region, zone, generation, isReady, reason: readyReason };
  }

  #ask(command: Command, timeoutMs: number): Promise<CommandResult> {
    if (this.#pending.size >= ROUTE_PENDING_COUNT_MAX) {
      const text = `commands waiting for an answer must be <= ${ROUTE_PENDING_COUNT_MAX}; retry`;
      return Promise.reject(new RegistryError(ErrorCode.resourceExhausted, text));
    }
    return new Promise((resolve, reject) => {
      const commandId = this.#nextCommandId++;
      const timer = setTimeout(() => {
        const text = `${command.kind} got no answer within ${timeoutMs} ms`;
        this.#take(commandId)?.reject(new RegistryError(ErrorCode.deadlineExceeded, text));
      }, timeoutMs);
      this.#pending.set(commandId, { resolve, reject, timer });
      this.#submit({ type: "command", commandId, command });
    });
  }

  #take(commandId: number): PendingCommand | undefined {
    const pending = this.#pending.get(commandId);
    if (pending === undefined) return undefined;
    this.#pending.delete(commandId);
    clearTimeout(pending.timer);
    return pending;
  }

  /** Runs an operator's action and logs who asked for what, and what came of it. */
  async #audited<T>(
    event: "audit.override" | "audit.deregister" | "audit.forget-node",
    principal: Principal,
    what: Readonly<Record<string, string | number | undefined>>,
    run: () => Promise<T>,
  ): Promise<T> {
    const who = { principal: principal.name, ...what };
    try {
      const result = await run();
      this.#logger.info(event, { ...who, outcome: "done" });
      return result;
    } catch (error) {
      const { code, message } = RegistryError.from(error);
      this.#logger.info(event, { ...who, outcome: code, error: message });
      throw error;
    }
  }

  #isLive(key: RecordKey): boolean {
    const { table } = this.#node;
    const slot = table.find(key);
    return slot !== NO_SLOT && table.state(slot) !== InstanceState.removed;
  }

  #requireReady(): void {
    if (this.#node.isReady) return;
    const text = `the node is not ready: ${this.#node.readyReason}; ask another one or retry`;
    throw new RegistryError(ErrorCode.unavailable, text);
  }
}

function stampOf(result: CommandResult, { service, id }: InstanceAddress): Stamp {
  if (result.stamp !== undefined) return result.stamp;
  throw new RegistryError(ErrorCode.internal, `writing ${service}/${id} gave no stamp`);
}

function requireRight(principal: Principal, namespace: string, right: Right, what: string): void {
  if (principal.grantsOf(namespace)[right]) return;
  const text = `${principal.name} may not ${what} in namespace ${namespace}`;
  throw new RegistryError(ErrorCode.permissionDenied, text);
}

function checkAddress(address: InstanceAddress): void {
  checkNamed("namespace", address.namespace);
  checkNamed("service", address.service);
  checkNamed("id", address.id);
}

function checkNamed(what: "namespace" | "service" | "id", value: string): void {
  const problem = checkName(what, value);
  if (problem !== undefined) throw new RegistryError(problem.code, problem.message);
}

function checkDrainTimeout(timeoutMs: number): void {
  if (timeoutMs >= 0 && timeoutMs <= DRAIN_TIMEOUT_MAX_MS) return;
  const text = `timeoutMs ${timeoutMs} must be >= 0 and <= ${DRAIN_TIMEOUT_MAX_MS}`;
  throw new RegistryError(ErrorCode.invalidArgument, text);
}

function timeoutFor(state: InstanceState | undefined, timeoutMs: number): number {
  return state === InstanceState.draining ? timeoutMs + DRAIN_SLACK_MS : COMMAND_TIMEOUT_MS;
}

/** The address alone, whatever else the given object carries. */
function plainAddress({ namespace, service, id }: InstanceAddress): InstanceAddress {
  return { namespace, service, id };
}

function outcomeOf({ confirmedCount, unconfirmed }: CommandResult): DrainOutcome {
  return { confirmedCount, unconfirmed };
}

function stateName(state: InstanceState): string {
  const entry = Object.entries(InstanceState).find(([, value]) => value === state);
  return entry?.[0] ?? String(state);
}
