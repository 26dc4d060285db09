/**
 * One request to every instance of a service, and one answer: when enough of them succeeded, or
 * when no longer enough can.
 *
 * Only for requests that may be sent twice and have no body. Asked are the instances that could be
 * picked now, at most {@link FAN_OUT_COUNT_MAX}. A success is an answer below 400, and is over with
 * its body, or with the first {@link FAN_OUT_BODY_MAX_BYTES} of it. What is still under way when
 * the answer is given is given up and told as pending: it was sent, and may happen all the same.
 */
import type { Duplex } from "node:stream";
import { type CallResult, ErrorCode, type FanOut, resultOfHttpStatus } from "@fpzk/core";
import { type Balancer, type Choice, isChoice } from "./balancer.js";
import type {
  Attempt,
  AttemptFailure,
  AttemptReceiver,
  Fields,
  InstanceRequest,
  Transport,
} from "./call.js";
import { firstValue } from "./headers.js";
import type { Problem } from "./problem.js";
import type { RouteTarget } from "./route-table.js";

/** Instances that one request asks. */
export const FAN_OUT_COUNT_MAX = 64;
/** Bytes of each instance's body in the answer. */
export const FAN_OUT_BODY_MAX_BYTES = 4_096;

export interface FanOutPorts {
  readonly balancer: Balancer;
  readonly transport: Transport;
  readonly now: () => number;
  readonly onDone: (answer: FanOutAnswer) => void;
}

/** What becomes the answer's body. */
export interface FanOutSummary {
  readonly service: string;
  readonly quorum: FanOut["quorum"];
  /** Successes that were asked for. */
  readonly requiredCount: number;
  readonly successCount: number;
  readonly isFulfilled: boolean;
  readonly results: readonly InstanceResult[];
}

export interface InstanceResult {
  readonly id: string;
  readonly outcome: "success" | "failure" | "pending";
  readonly statusCode?: number;
  readonly durationMs?: number;
  readonly contentType?: string;
  /** Absent when there is none, and where it is no text. */
  readonly body?: string;
  readonly isBodyCut?: true;
  readonly error?: string;
}

export interface FanOutAnswer {
  readonly statusCode: number;
  readonly summary: FanOutSummary;
}

export class FanOutCall {
  readonly #target: RouteTarget;
  readonly #request: InstanceRequest;
  readonly #ports: FanOutPorts;
  #legs: readonly Leg[] = [];
  #requiredCount = 0;
  #isDone = false;

  constructor(target: RouteTarget, request: InstanceRequest, ports: FanOutPorts) {
    this.#target = target;
    this.#request = request;
    this.#ports = ports;
  }

  /** Instances that were asked. */
  get count(): number {
    return this.#legs.length;
  }

  /** Asks all; a problem when there are too few, or too many, to begin with. */
  start(): Problem | undefined {
    const choices = this.#chooseAll();
    if (!Array.isArray(choices)) return choices as Problem;
    const quorum = this.#target.fanOut?.quorum ?? "all";
    this.#requiredCount = requiredCount(quorum, choices.length);
    if (this.#requiredCount > choices.length) {
      for (const choice of choices) this.#ports.balancer.finish(choice, undefined);
      const detail = `a quorum of ${this.#requiredCount} of ${this.#target.service} was asked for; ${choices.length} instances can be called`;
      return { code: ErrorCode.unavailable, detail };
    }
    const onOver = (): void => this.#judge();
    this.#legs = choices.map((choice: Choice) => new Leg(choice, this.#ports, onOver));
    for (const leg of this.#legs) leg.send(this.#request);
    return undefined;
  }

  /** The time is up: answers with what there is. */
  expire(): void {
    if (!this.#isDone) this.#finish(504);
  }

  /** The caller is gone. */
  abort(): void {
    this.#isDone = true;
    for (const leg of this.#legs) leg.giveUp();
  }

  #chooseAll(): Choice[] | Problem {
    const { balancer } = this.#ports;
    const choices: Choice[] = [];
    const tried = new Set<string>();
    for (;;) {
      const choice = balancer.choose(this.#target, tried);
      if (!isChoice(choice)) return choices.length === 0 ? choice : choices;
      const { id } = choice.picked.instance;
      // The picker ran out of others.
      if (tried.has(id)) {
        balancer.finish(choice, undefined);
        return choices;
      }
      tried.add(id);
      choices.push(choice);
      if (choices.length <= FAN_OUT_COUNT_MAX) continue;
      for (const one of choices) balancer.finish(one, undefined);
      const detail = `${this.#target.service} has more instances than the ${FAN_OUT_COUNT_MAX} that one request may ask`;
      return { code: ErrorCode.outOfRange, detail };
    }
  }

  #judge(): void {
    if (this.#isDone) return;
    const successCount = this.#countOf("success");
    if (successCount >= this.#requiredCount) return this.#finish(200);
    if (successCount + this.#countOf("pending") < this.#requiredCount) this.#finish(502);
  }

  #finish(statusCode: number): void {
    this.#isDone = true;
    const successCount = this.#countOf("success");
    const summary: FanOutSummary = {
      service: this.#target.service,
      quorum: this.#target.fanOut?.quorum ?? "all",
      requiredCount: this.#requiredCount,
      successCount,
      isFulfilled: successCount >= this.#requiredCount,
      results: this.#legs.map((leg) => leg.result()),
    };
    for (const leg of this.#legs) leg.giveUp();
    this.#ports.onDone({ statusCode, summary });
  }

  #countOf(outcome: InstanceResult["outcome"]): number {
    return this.#legs.filter((leg) => leg.outcome === outcome).length;
  }
}

/** One instance that was asked. */
class Leg implements AttemptReceiver {
  outcome: InstanceResult["outcome"] = "pending";
  readonly #choice: Choice;
  readonly #ports: FanOutPorts;
  readonly #onOver: () => void;
  readonly #begunAtMs: number;
  #attempt: Attempt | undefined;
  #statusCode: number | undefined;
  #contentType: string | undefined;
  #chunks: Buffer[] = [];
  #byteCount = 0;
  #isCut = false;
  #durationMs: number | undefined;
  #error: string | undefined;

  constructor(choice: Choice, ports: FanOutPorts, onOver: () => void) {
    this.#choice = choice;
    this.#ports = ports;
    this.#onOver = onOver;
    this.#begunAtMs = ports.now();
  }

  send(request: InstanceRequest): void {
    this.#attempt = this.#ports.transport.send(request, this.#choice.destination, this);
    this.#attempt.flush();
  }

  /** Ends what is under way; that says nothing of the instance. */
  giveUp(): void {
    if (this.outcome !== "pending") return;
    const attempt = this.#attempt;
    this.#attempt = undefined;
    if (attempt === undefined) return;
    attempt.abort();
    this.#ports.balancer.finish(this.#choice, undefined);
  }

  result(): InstanceResult {
    const body = this.#bodyText();
    return {
      id: this.#choice.picked.instance.id,
      outcome: this.outcome,
      ...(this.#statusCode === undefined ? {} : { statusCode: this.#statusCode }),
      ...(this.#durationMs === undefined ? {} : { durationMs: this.#durationMs }),
      ...(this.#contentType === undefined ? {} : { contentType: this.#contentType }),
      ...(body === undefined ? {} : { body }),
      ...(this.#isCut ? { isBodyCut: true as const } : {}),
      ...(this.#error === undefined ? {} : { error: this.#error }),
    };
  }

  onReady(): void {}
  onRequestRoom(): void {}
  onInform(): void {}
  onAnswerFlush(): void {}

  onAnswer(statusCode: number, _reason: string, fields: Fields): void {
    this.#statusCode = statusCode;
    this.#contentType = firstValue(fields, "content-type")?.slice(0, 200);
  }

  onAnswerBody(chunk: Buffer): void {
    const room = FAN_OUT_BODY_MAX_BYTES - this.#byteCount;
    // The piece is lent: copied.
    if (room > 0) this.#chunks.push(Buffer.from(chunk.subarray(0, room)));
    this.#byteCount += chunk.length;
    if (this.#byteCount <= FAN_OUT_BODY_MAX_BYTES) return;
    this.#isCut = true;
    this.#attempt?.abort();
    this.onAnswerEnd();
  }

  onAnswerEnd(): void {
    const statusCode = this.#statusCode ?? 0;
    this.#end(statusCode < 400 ? "success" : "failure", resultOfHttpStatus(statusCode));
  }

  onSwitch(_fields: Fields, stream: Duplex): void {
    stream.destroy();
    this.#error = "it switched protocols unasked";
    this.#end("failure", "error");
  }

  onFailure(failure: AttemptFailure): void {
    this.#error = failure.detail;
    this.#end("failure", failure.isUnsent ? "connect-failure" : "error");
  }

  #end(outcome: "success" | "failure", result: CallResult): void {
    if (this.outcome !== "pending" || this.#attempt === undefined) return;
    this.outcome = outcome;
    this.#attempt = undefined;
    this.#durationMs = Math.round((this.#ports.now() - this.#begunAtMs) * 1_000) / 1_000;
    this.#ports.balancer.finish(this.#choice, result);
    this.#onOver();
  }

  #bodyText(): string | undefined {
    if (this.outcome === "pending" || this.#byteCount === 0) return undefined;
    const isText = /^text\/|[/+](json|xml)\b/i.test(this.#contentType ?? "text/plain");
    return isText ? Buffer.concat(this.#chunks).toString() : undefined;
  }
}

function requiredCount(quorum: FanOut["quorum"], count: number): number {
  if (quorum === "all") return count;
  if (quorum === "any") return 1;
  return quorum === "majority" ? Math.floor(count / 2) + 1 : quorum;
}
