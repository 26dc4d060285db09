/**
 * Copies of requests to another service, whose answers nobody sees: new code meets real requests.
 *
 * A copy costs the caller nothing: it is sent beside the request, never waited for, and left out
 * when too many are under way. Only requests without a body are copied, because a body is not kept.
 * A copy carries `x-fpzk-mirror`, so that its receiver can tell.
 */
import type { Duplex } from "node:stream";
import type { CallResult, ChosenPlace } from "@fpzk/core";
import { resultOfHttpStatus } from "@fpzk/core";
import { type Balancer, type Choice, isChoice } from "./balancer.js";
import type {
  Attempt,
  AttemptFailure,
  AttemptReceiver,
  InstanceRequest,
  Transport,
} from "./call.js";
import type { RouteTarget } from "./route-table.js";

export const MIRROR_HEADER = "x-fpzk-mirror";
/** Copies under way at once; further ones are left out. */
export const MIRROR_COUNT_MAX = 256;

export interface MirrorPorts {
  readonly balancer: Balancer;
  readonly transport: Transport;
  readonly now: () => number;
  readonly answerTimeoutMs: number;
  /** Whether a copy was sent, or left out. */
  readonly onCopy: (isSent: boolean) => void;
}

export class Mirror {
  readonly #ports: MirrorPorts;
  readonly #copies = new Set<Copy>();

  constructor(ports: MirrorPorts) {
    this.#ports = ports;
  }

  /** Copies under way. */
  get count(): number {
    return this.#copies.size;
  }

  copy(place: ChosenPlace, target: RouteTarget, request: InstanceRequest): void {
    const { balancer, transport, now, answerTimeoutMs, onCopy } = this.#ports;
    const isFull = this.#copies.size >= MIRROR_COUNT_MAX;
    const chosen = { ...target, ...place };
    const choice = isFull ? undefined : balancer.choose(chosen, undefined);
    if (choice === undefined || !isChoice(choice)) return onCopy(false);
    const deadlineMs = now() + (target.timeoutMs ?? answerTimeoutMs);
    const copy = new Copy(choice, deadlineMs, (result) => {
      this.#copies.delete(copy);
      balancer.finish(choice, result);
    });
    this.#copies.add(copy);
    const fields = [...request.fields, MIRROR_HEADER, "1"];
    copy.attempt = transport.send({ ...request, fields }, choice.destination, copy);
    copy.attempt.flush();
    onCopy(true);
  }

  sweep(nowMs: number): void {
    for (const copy of this.#copies) if (nowMs >= copy.deadlineMs) copy.end("error");
  }

  destroy(): void {
    for (const copy of this.#copies) copy.end(undefined);
  }
}

class Copy implements AttemptReceiver {
  attempt: Attempt | undefined;
  readonly choice: Choice;
  readonly deadlineMs: number;
  readonly #onEnd: (result: CallResult | undefined) => void;
  #result: CallResult = "error";
  #isEnded = false;

  constructor(choice: Choice, deadlineMs: number, onEnd: (result: CallResult | undefined) => void) {
    this.choice = choice;
    this.deadlineMs = deadlineMs;
    this.#onEnd = onEnd;
  }

  /** Gives it up. */
  end(result: CallResult | undefined): void {
    this.attempt?.abort();
    this.#end(result);
  }

  onReady(): void {}
  onRequestRoom(): void {}
  onInform(): void {}
  onAnswerBody(): void {}
  onAnswerFlush(): void {}

  onAnswer(statusCode: number): void {
    this.#result = resultOfHttpStatus(statusCode);
  }

  onAnswerEnd(): void {
    this.#end(this.#result);
  }

  onSwitch(_fields: unknown, stream: Duplex): void {
    stream.destroy();
    this.#end("error");
  }

  onFailure(failure: AttemptFailure): void {
    this.#end(failure.isUnsent ? "connect-failure" : "error");
  }

  #end(result: CallResult | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#onEnd(result);
  }
}
