/** Who calls a service: one subscription that all integrations of a client share. */
import { ErrorCode, PLACE_FAILURE_COUNT, RegistryError } from "@fpzk/core";
import type {
  CallOptions,
  PickContext,
  Picked,
  ServiceCaller,
  ServiceOptions,
  ServiceSubscription,
} from "../api.js";
import { type CompleteCallOptions, completeCallOptions } from "./call-options.js";

/** Services that one client calls by name; more would be names that came from outside. */
export const CALLED_SERVICE_COUNT_MAX = 1_024;

export class Caller implements ServiceCaller {
  readonly service: string;
  readonly subscription: ServiceSubscription;
  readonly #options: CompleteCallOptions;

  constructor(subscription: ServiceSubscription, options: ServiceOptions) {
    this.service = subscription.service;
    this.subscription = subscription;
    this.#options = completeCallOptions(this.service, options);
  }

  /** @throws RegistryError `invalid_argument`. */
  callOptions(own: CallOptions = {}): CompleteCallOptions {
    return completeCallOptions(this.service, own, this.#options);
  }

  async first(
    context: PickContext,
    { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal | undefined },
  ): Promise<Picked> {
    const wait = signal === undefined ? { timeoutMs } : { timeoutMs, signal };
    const { subscription } = this;
    if (!subscription.status.isComplete) await subscription.ready(wait);
    return await subscription.acquire({ ...context, ...wait });
  }

  again(context: PickContext & { readonly excluded: ReadonlySet<string> }): Picked | undefined {
    const prefersElsewhere = context.excluded.size >= PLACE_FAILURE_COUNT;
    const picked = this.subscription.pick({ ...context, prefersElsewhere });
    if (picked === undefined) return undefined;
    // Exclusions are ignored when nobody else is left.
    const isOther = !context.excluded.has(picked.instance.id);
    if (isOther && this.subscription.tryRetry()) return picked;
    picked.release();
    return undefined;
  }
}

export interface CallerSource {
  subscribe(service: string, options: ServiceOptions): ServiceSubscription;
  /** What `connect` was told of it. */
  optionsOf(service: string): ServiceOptions;
}

/** Made when they are first called, kept until the client closes. */
export class CallerTable {
  readonly #source: CallerSource;
  readonly #callers = new Map<string, Caller>();

  constructor(source: CallerSource) {
    this.#source = source;
  }

  get(service: string, protocol: string): Caller {
    const key = `${protocol}\u0001${service}`;
    const held = this.#callers.get(key);
    if (held !== undefined) return held;
    if (this.#callers.size >= CALLED_SERVICE_COUNT_MAX) {
      const message = `call ${service}: this client calls ${this.#callers.size} services, at most ${CALLED_SERVICE_COUNT_MAX}; use subscribe() and close() for names that come and go`;
      throw new RegistryError(ErrorCode.resourceExhausted, message);
    }
    const options = this.#source.optionsOf(service);
    completeCallOptions(service, options);
    const subscription = this.#source.subscribe(service, { protocol, ...options });
    const caller = new Caller(subscription, options);
    this.#callers.set(key, caller);
    return caller;
  }
}
