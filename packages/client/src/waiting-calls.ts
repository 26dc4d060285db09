/** Calls that wait until an instance has room: promises and one timer around a pure queue. */
import {
  after,
  type BreakerState,
  ErrorCode,
  type Instant,
  NEVER,
  PendingQueue,
  type PickContext,
  RegistryError,
} from "@fpzk/core";
import type { AcquireOptions, Picked } from "./api.js";

const TIMEOUT_DEFAULT_MS = 5_000;
const TIMER_MAX_MS = 2_147_483_647;

export interface WaitingCallsPorts {
  readonly service: string;
  readonly countMax: number;
  now(): Instant;
  pick(context: PickContext): Picked | undefined;
  /** Whether there is somebody to call, and only room is lacking. */
  isBusy(): boolean;
}

interface WaitingCall {
  readonly context: PickContext;
  readonly resolve: (picked: Picked) => void;
  readonly reject: (error: RegistryError) => void;
}

export class WaitingCalls {
  readonly #ports: WaitingCallsPorts;
  readonly #queue: PendingQueue<WaitingCall>;
  #timer: NodeJS.Timeout | undefined;
  #timerDeadline: Instant = NEVER;

  constructor(ports: WaitingCallsPorts) {
    this.#ports = ports;
    this.#queue = new PendingQueue(ports.countMax);
  }

  get breaker(): BreakerState {
    return this.#queue.state;
  }

  /** Resolves with an instance as soon as one has room; in turn. */
  acquire({ timeoutMs, signal, ...context }: AcquireOptions): Promise<Picked> {
    const { service, countMax } = this.#ports;
    if (signal?.aborted === true) return Promise.reject(this.#aborted(signal));
    // Nobody overtakes those who wait.
    const picked = this.#queue.size === 0 ? this.#ports.pick(context) : undefined;
    if (picked !== undefined) return Promise.resolve(picked);
    if (!this.#ports.isBusy()) {
      const message = `acquire ${service}: it has no instance to call`;
      return Promise.reject(new RegistryError(ErrorCode.unavailable, message));
    }
    const waitMs = timeoutMs ?? TIMEOUT_DEFAULT_MS;
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#queue.remove(call);
        if (signal !== undefined) call.reject(this.#aborted(signal));
      };
      const settle = (): void => signal?.removeEventListener("abort", abort);
      const call: WaitingCall = {
        context,
        resolve: (free) => {
          settle();
          resolve(free);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      const deadline = after(this.#ports.now(), waitMs);
      if (!this.#queue.add(call, deadline)) {
        const why = `${this.#queue.size} calls wait, at most ${countMax}: its breaker is tripped`;
        reject(new RegistryError(ErrorCode.resourceExhausted, `acquire ${service}: ${why}`));
        return;
      }
      signal?.addEventListener("abort", abort, { once: true });
      this.#arm(deadline);
    });
  }

  /** A call is over, or the view changed: there may be room. */
  freed(): void {
    for (let call = this.#queue.first; call !== undefined; call = this.#queue.first) {
      const picked = this.#ports.pick(call.context);
      if (picked === undefined) return;
      this.#queue.remove(call);
      call.resolve(picked);
    }
  }

  close(error: RegistryError): void {
    clearTimeout(this.#timer);
    for (let call = this.#queue.next(); call !== undefined; call = this.#queue.next()) {
      call.reject(error);
    }
  }

  #arm(deadline: Instant): void {
    if (deadline >= this.#timerDeadline) return;
    clearTimeout(this.#timer);
    this.#timerDeadline = deadline;
    const delayMs = Math.min(TIMER_MAX_MS, Math.max(0, Math.ceil(deadline - this.#ports.now())));
    this.#timer = setTimeout(() => this.#expire(), delayMs);
  }

  #expire(): void {
    const { service, now } = this.#ports;
    for (const call of this.#queue.takeExpired(now())) {
      const message = `acquire ${service}: no instance had room in time`;
      call.reject(new RegistryError(ErrorCode.deadlineExceeded, message));
    }
    this.#timerDeadline = NEVER;
    this.#arm(this.#queue.nextDeadline);
  }

  #aborted(signal: AbortSignal): RegistryError {
    const message = `acquire ${this.#ports.service} was aborted`;
    return new RegistryError(ErrorCode.cancelled, message, { cause: signal.reason });
  }
}
