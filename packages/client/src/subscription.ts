/** One caller's look at a shared view: its filter, its picker, its readers. */
import {
  APERTURE_SIZE_MIN_DEFAULT,
  assert,
  type BreakerState,
  type CallResult,
  CLIENT_CHANGE_QUEUE_COUNT_MAX,
  type EndedCall,
  ErrorCode,
  type InstanceChange,
  type InstanceStanding,
  type Instant,
  type LeaveReason,
  PENDING_CALL_COUNT_DEFAULT,
  type PickContext,
  type Random,
  RegistryError,
  RemovalReason,
  ServiceBalancer,
  type ViewInstance,
  type ViewState,
} from "@fpzk/core";
import type {
  AcquireOptions,
  Picked,
  ServiceSubscription,
  SubscribeOptions,
  ViewChange,
  ViewStatus,
} from "./api.js";
import { completeBalancing } from "./balancing-options.js";
import { ChangeQueue } from "./change-queue.js";
import { chooseEndpoint } from "./endpoint-choice.js";
import { matchesFilter } from "./filter.js";
import { PickedCall, type PickedCallOwner } from "./picked-call.js";
import { WaitingCalls } from "./waiting-calls.js";

const READY_TIMEOUT_DEFAULT_MS = 10_000;

/** What a subscription needs of the client. */
export interface SubscriptionSource {
  readonly random: Random;
  readonly region: string;
  readonly zone: string;
  now(): Instant;
  /** The shared view's instances, sorted by id. */
  instances(): readonly ViewInstance[];
  state(): ViewState;
  /** Subscribes to another service: an aperture's. */
  subscribe(service: string): ServiceSubscription;
  /** A call to an instance is over, and said something of it. */
  learned(instance: ViewInstance, result: CallResult): void;
  /** A call is over: whoever waits for an instance of the service may have room, here or not. */
  freed(): void;
  closed(subscription: Subscription): void;
}

interface ReadyWaiter {
  readonly resolve: () => void;
  readonly reject: (error: RegistryError) => void;
}

export class Subscription implements ServiceSubscription, PickedCallOwner {
  readonly service: string;
  readonly #options: SubscribeOptions;
  readonly #source: SubscriptionSource;
  readonly #balancer: ServiceBalancer;
  readonly #queues = new Set<ChangeQueue<ViewChange>>();
  readonly #waiters = new Set<ReadyWaiter>();
  /** Undefined after a change: made by the next reader, so that a burst of changes costs one. */
  #instances: readonly ViewInstance[] | undefined;
  /** Whether the balancer has seen {@link #instances}. */
  #isBalancerCurrent = false;
  /** For an aperture: the instances of the caller's own service. */
  readonly #callers: ServiceSubscription | undefined;
  /** What the balancer has seen of {@link #callers}. */
  #seenCallers: readonly ViewInstance[] | undefined;
  readonly #waiting: WaitingCalls;
  /** What readers were told matches the filter; only kept while there are readers. */
  #told: Map<string, ViewInstance> | undefined;
  #isClosed = false;

  constructor(service: string, options: SubscribeOptions, source: SubscriptionSource) {
    this.service = service;
    this.#options = options;
    this.#source = source;
    const { random, region, zone } = source;
    const place = { random, caller: { region, zone } };
    this.#balancer = new ServiceBalancer(completeBalancing(service, options, place));
    this.#callers = options.aperture && source.subscribe(options.aperture.service);
    this.#waiting = new WaitingCalls({
      service,
      countMax: options.pendingCallCountMax ?? PENDING_CALL_COUNT_DEFAULT,
      now: () => this.now(),
      pick: (context) => this.pick(context),
      isBusy: () => this.isBusy,
    });
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

  standings(): readonly InstanceStanding[] {
    // Slow start and ejection belong to the view that the next pick sees.
    this.#updateBalancer();
    const now = this.now();
    return this.instances.map((instance) => this.#balancer.standing(instance, now));
  }

  pick(context?: PickContext): Picked | undefined {
    this.#updateBalancer();
    const instance = this.#balancer.pick(context, this.now());
    if (instance === undefined) return undefined;
    const { region } = this.#source;
    const endpoint = chooseEndpoint(instance.description, region, this.#options.protocol);
    assert(endpoint !== undefined, "only instances with a fitting endpoint are picked");
    return new PickedCall(instance, endpoint, this);
  }

  acquire(options: AcquireOptions = {}): Promise<Picked> {
    if (this.#isClosed) return Promise.reject(this.#closedError());
    return this.#waiting.acquire(options);
  }

  get isBusy(): boolean {
    this.#updateBalancer();
    return this.#balancer.isBusy(this.now());
  }

  get breaker(): BreakerState {
    return this.#waiting.breaker;
  }

  get hedgeDelayMs(): number | undefined {
    return this.#balancer.hedgeDelayMs;
  }

  tryRetry(): boolean {
    return this.#balancer.tryRetry(this.now());
  }

  now(): Instant {
    return this.#source.now();
  }

  /** A call is over; called once by each {@link PickedCall}. */
  ended(call: EndedCall): void {
    for (const instance of this.#balancer.end(call, this.now())) {
      this.#options.onEjection?.(instance);
    }
    if (call.result !== undefined) this.#source.learned(call.instance, call.result);
    this.#source.freed();
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
    this.#waiting.close(this.#closedError());
    this.#callers?.close();
    this.#source.closed(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** The view changed: what was derived from it is stale from this moment. */
  viewChanged(changes: readonly InstanceChange[]): void {
    this.#instances = undefined;
    this.#isBalancerCurrent = false;
    this.#waiting.freed();
    if (this.#told === undefined) return;
    for (const change of changes) {
      const told = this.#toldChange(this.#told, change);
      if (told !== undefined) this.#push(told);
    }
  }

  /** An instance may have room again. */
  freed(): void {
    this.#waiting.freed();
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

  /** Shows the balancer what changed since the last pick. */
  #updateBalancer(): void {
    const callers = this.#callers?.instances;
    if (this.#isBalancerCurrent && callers === this.#seenCallers) return;
    this.#isBalancerCurrent = true;
    this.#seenCallers = callers;
    const { aperture } = this.#options;
    const isPart = callers !== undefined && aperture !== undefined;
    const sizeMin = aperture?.sizeMin ?? APERTURE_SIZE_MIN_DEFAULT;
    this.#balancer.update(
      this.#callable(),
      this.now(),
      isPart ? { ownId: aperture.id, instances: callers, sizeMin } : undefined,
    );
  }

  /** Instances with an endpoint for this caller. */
  #callable(): readonly ViewInstance[] {
    const { region } = this.#source;
    const { protocol } = this.#options;
    return this.instances.filter(
      ({ description }) => chooseEndpoint(description, region, protocol) !== undefined,
    );
  }

  #closedError(): RegistryError {
    return new RegistryError(ErrorCode.cancelled, `subscription to ${this.service} was closed`);
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
