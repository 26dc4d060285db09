/** One caller's look at a shared view: its filter, its picker, its readers. */
import {
  CLIENT_CHANGE_QUEUE_COUNT_MAX,
  createPicker,
  ErrorCode,
  type InstanceChange,
  type LeaveReason,
  type PickContext,
  type Picker,
  PolicyName,
  type Random,
  RegistryError,
  RemovalReason,
  type ViewInstance,
  type ViewState,
} from "@fpzk/core";
import type {
  Picked,
  ServiceSubscription,
  SubscribeOptions,
  ViewChange,
  ViewStatus,
} from "./api.js";
import { ChangeQueue } from "./change-queue.js";
import { chooseEndpoint, endpointUrl } from "./endpoint-choice.js";
import { matchesFilter } from "./filter.js";

const READY_TIMEOUT_DEFAULT_MS = 10_000;
const PANIC_RATIO_DEFAULT = 0.5;

/** What a subscription needs of the client. */
export interface SubscriptionSource {
  readonly random: Random;
  readonly region: string;
  readonly zone: string;
  now(): number;
  /** The shared view's instances, sorted by id. */
  instances(): readonly ViewInstance[];
  state(): ViewState;
  closed(subscription: Subscription): void;
}

interface ReadyWaiter {
  readonly resolve: () => void;
  readonly reject: (error: RegistryError) => void;
}

export class Subscription implements ServiceSubscription {
  readonly service: string;
  readonly #options: SubscribeOptions;
  readonly #source: SubscriptionSource;
  readonly #queues = new Set<ChangeQueue<ViewChange>>();
  readonly #waiters = new Set<ReadyWaiter>();
  /** Undefined after a change: made by the next reader, so that a burst of changes costs one. */
  #instances: readonly ViewInstance[] | undefined;
  #picker: Picker | undefined;
  /** What readers were told matches the filter; only kept while there are readers. */
  #told: Map<string, ViewInstance> | undefined;
  #isClosed = false;

  constructor(service: string, options: SubscribeOptions, source: SubscriptionSource) {
    this.service = service;
    this.#options = options;
    this.#source = source;
    checkOptions(service, options);
  }

  get instances(): readonly ViewInstance[] {
    this.#instances ??= this.#filtered();
    return this.#instances;
  }

  get status(): ViewStatus {
    const { isComplete, isCurrent, isRestored, lastCurrentAt } = this.#source.state();
    const ageMs = isCurrent ? 0 : this.#source.now() - (lastCurrentAt ?? Number.NEGATIVE_INFINITY);
    return { isComplete, isCurrent, isRestored, ageMs: Math.max(0, ageMs) };
  }

  pick(context?: PickContext): Picked | undefined {
    this.#picker ??= this.#createPicker();
    const instance = this.#picker.pick(context);
    if (instance === undefined) return undefined;
    const { region } = this.#source;
    const endpoint = chooseEndpoint(instance.description, region, this.#options.protocol);
    // The picker holds only instances with a fitting endpoint.
    if (endpoint === undefined) return undefined;
    instance.load.activeCount += 1;
    return new Choice(instance, endpoint);
  }

  ready(options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<void> {
    if (this.#source.state().isComplete) return Promise.resolve();
    if (this.#isClosed) return Promise.reject(this.#closedError());
    const timeoutMs = options.timeoutMs ?? READY_TIMEOUT_DEFAULT_MS;
    const { signal } = options;
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        this.#waiters.delete(waiter);
      };
      const waiter: ReadyWaiter = {
        resolve: () => {
          settle();
          resolve();
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      const abort = (): void =>
        waiter.reject(
          new RegistryError(ErrorCode.cancelled, `wait for ${this.service} was aborted`, {
            cause: signal?.reason,
          }),
        );
      if (signal?.aborted === true) {
        abort();
        return;
      }
      this.#waiters.add(waiter);
      signal?.addEventListener("abort", abort, { once: true });
      if (timeoutMs === Number.POSITIVE_INFINITY) return;
      timer = setTimeout(() => {
        const message = `view of ${this.service} was not complete within ${timeoutMs} ms`;
        waiter.reject(new RegistryError(ErrorCode.deadlineExceeded, message));
      }, timeoutMs);
    });
  }

  changes(options: { signal?: AbortSignal } = {}): AsyncIterable<ViewChange> {
    const { signal } = options;
    const abort = (): void => queue.end();
    const queue = new ChangeQueue<ViewChange>(CLIENT_CHANGE_QUEUE_COUNT_MAX, () => {
      this.#queues.delete(queue);
      if (this.#queues.size === 0) this.#told = undefined;
      signal?.removeEventListener("abort", abort);
    });
    if (this.#isClosed || signal?.aborted === true) {
      queue.end();
      return queue;
    }
    this.#told ??= new Map(this.instances.map((instance) => [instance.id, instance]));
    this.#queues.add(queue);
    signal?.addEventListener("abort", abort, { once: true });
    return queue;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const queue of [...this.#queues]) queue.end();
    for (const waiter of [...this.#waiters]) waiter.reject(this.#closedError());
    this.#source.closed(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** The view changed: what was derived from it is stale from this moment. */
  viewChanged(changes: readonly InstanceChange[]): void {
    this.#instances = undefined;
    this.#picker = undefined;
    if (this.#told === undefined) return;
    for (const change of changes) {
      const told = this.#toldChange(this.#told, change);
      if (told !== undefined) this.#push(told);
    }
  }

  stateChanged(): void {
    if (this.#queues.size > 0) this.#push({ type: "status", status: this.status });
    if (!this.#source.state().isComplete) return;
    for (const waiter of [...this.#waiters]) waiter.resolve();
  }

  refused(error: RegistryError): void {
    for (const waiter of [...this.#waiters]) waiter.reject(error);
  }

  #push(change: ViewChange): void {
    for (const queue of [...this.#queues]) queue.push(change);
  }

  /** A change of the view as a change of what matches the filter. */
  #toldChange(told: Map<string, ViewInstance>, change: InstanceChange): ViewChange | undefined {
    const { instance } = change;
    const wasTold = told.has(instance.id);
    const isMatch =
      change.type !== "removed" && matchesFilter(instance, this.#options.filter ?? {});
    if (isMatch) {
      told.set(instance.id, instance);
      return { type: wasTold ? "updated" : "added", instance };
    }
    if (!wasTold) return undefined;
    told.delete(instance.id);
    const reason = change.type === "removed" ? REASON_TEXTS[change.reason] : "filtered";
    return { type: "removed", instance, reason };
  }

  #filtered(): readonly ViewInstance[] {
    const { filter } = this.#options;
    const instances = this.#source.instances();
    if (filter === undefined) return instances;
    return instances.filter((instance) => matchesFilter(instance, filter));
  }

  #createPicker(): Picker {
    const { region, zone, random } = this.#source;
    const { policy, regionOrder, panicRatio, prefersNear, protocol } = this.#options;
    const callable = this.instances.filter(
      ({ description }) => chooseEndpoint(description, region, protocol) !== undefined,
    );
    return createPicker(callable, {
      policy: policy ?? PolicyName.roundRobin,
      random,
      caller: { region, zone },
      regionOrder: regionOrder ?? [],
      panicRatio: panicRatio ?? PANIC_RATIO_DEFAULT,
      prefersNear: prefersNear ?? true,
    });
  }

  #closedError(): RegistryError {
    return new RegistryError(ErrorCode.cancelled, `subscription to ${this.service} was closed`);
  }
}

class Choice implements Picked {
  readonly instance: ViewInstance;
  readonly endpoint: Picked["endpoint"];
  #isReleased = false;

  constructor(instance: ViewInstance, endpoint: Picked["endpoint"]) {
    this.instance = instance;
    this.endpoint = endpoint;
  }

  get url(): string {
    return endpointUrl(this.endpoint);
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.instance.load.activeCount -= 1;
  }
}

/** Why an instance left a view, as people read it: the words of `LeaveReason`. */
const REASON_TEXTS: Readonly<Record<LeaveReason, string>> = {
  [RemovalReason.none]: "none",
  [RemovalReason.deregistered]: "deregistered",
  [RemovalReason.drained]: "drained",
  [RemovalReason.connectionLost]: "connection-lost",
  [RemovalReason.silent]: "silent",
  [RemovalReason.leaseExpired]: "lease-expired",
  [RemovalReason.orphaned]: "orphaned",
  [RemovalReason.operator]: "operator",
  [RemovalReason.left]: "left",
  [RemovalReason.collected]: "collected",
  elsewhere: "elsewhere",
};

function checkOptions(service: string, { policy, panicRatio }: SubscribeOptions): void {
  const policies: readonly string[] = Object.values(PolicyName);
  if (policy !== undefined && !policies.includes(policy)) {
    const message = `subscribe ${service}: policy ${policy} must be one of ${policies.join(", ")}`;
    throw new RegistryError(ErrorCode.invalidArgument, message);
  }
  if (panicRatio !== undefined && !(panicRatio >= 0 && panicRatio <= 1)) {
    const message = `subscribe ${service}: panicRatio ${panicRatio} must be >= 0 and <= 1`;
    throw new RegistryError(ErrorCode.invalidArgument, message);
  }
}
