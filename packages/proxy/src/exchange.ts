/**
 * One call through the proxy: attempts on instances until one answers, streamed both ways.
 *
 * Knows no protocol: calls come from listeners and attempts from transports (`call.ts`). Nothing
 * is buffered whole: each side is paused while the other is full. Another instance is tried only
 * while the caller has seen no byte of an answer (see `retry-rule.ts`).
 *
 * `100 Continue` is sent when an instance has accepted the request's head, so that a request which
 * no instance takes is refused before its body is sent.
 */
import type { Duplex } from "node:stream";
import {
  assert,
  type CallResult,
  ErrorCode,
  type Instant,
  RetryCause,
  resultOfGrpcStatus,
  resultOfHttpStatus,
  retryAfterOfField,
} from "@fpzk/core";
import { type Balancer, type CallKind, type Choice, isChoice } from "./balancer.js";
import {
  type Attempt,
  type AttemptFailure,
  type AttemptReceiver,
  type Call,
  type CallReceiver,
  type Fields,
  type InstanceRequest,
  NO_FIELDS,
  type Transport,
} from "./call.js";
import { callerTimeoutMs, withTimeLeft } from "./caller-deadline.js";
import type { RecentFailures } from "./diagnostics/recent-failures.js";
import { type ExchangeBounds, ExchangeDeadlines } from "./exchange-deadlines.js";
import { type FanOutAnswer, FanOutCall } from "./fan-out.js";
import { grpcStatusFields, isGrpc } from "./grpc.js";
import { firstValue, passableTrailers, responseHeaders } from "./headers.js";
import { HedgedAttempt } from "./hedged-attempt.js";
import { failureLabel, type ProxyMetrics } from "./metrics.js";
import type { Mirror } from "./mirror.js";
import { isBusy, type PendingRequest } from "./pending-requests.js";
import { answerProblem, type Problem, problemStatus } from "./problem.js";
import type { RequestLabels } from "./request-labels.js";
import type { RequestRecord } from "./request-record.js";
import { isRepeatable, isRetryableStatus } from "./retry-rule.js";
import type { RouteTarget } from "./route-table.js";
import { Tunnel } from "./tunnel.js";

export interface ExchangePorts {
  readonly balancer: Balancer;
  readonly transport: Transport;
  readonly mirror: Mirror;
  readonly metrics: ProxyMetrics;
  readonly failures: RecentFailures;
  readonly now: () => Instant;
  readonly answerTimeoutMs: number;
  readonly upgradeIdleTimeoutMs: number;
  /** Told once for each exchange: its record is whole. */
  readonly onEnded: (exchange: Exchange) => void;
  /** The call was upgraded, and counts as one of the proxy's tunnels until it ends. */
  readonly onUpgraded: (exchange: Exchange) => void;
}

const SUMMARY_REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  502: "Bad Gateway",
  504: "Gateway Timeout",
};

export class Exchange implements CallReceiver, AttemptReceiver, PendingRequest<Choice> {
  readonly record: RequestRecord;
  readonly #call: Call;
  readonly #ports: ExchangePorts;
  #target: RouteTarget | undefined;
  #request: InstanceRequest | undefined;
  #choice: Choice | undefined;
  #attempt: Attempt | undefined;
  #tried: Set<string> | undefined;
  #fanOut: FanOutCall | undefined;
  #tunnel: Tunnel | undefined;
  readonly #deadlines = new ExchangeDeadlines();
  #kind: CallKind = "http";
  /** What the answer's status says of the instance. */
  #result: CallResult | undefined;
  /** Of gRPC: the answer ends by trailers, which can say that it was broken off. */
  #mayEndByStatus = false;
  #hasTakenBody = false;
  #isAnswerPaused = false;
  /** Waits for an instance with room. */
  #isPending = false;
  #isEnded = false;

  constructor(call: Call, record: RequestRecord, ports: ExchangePorts) {
    this.#call = call;
    this.record = record;
    this.#ports = ports;
    call.bind(this);
  }

  get isUpgraded(): boolean {
    return this.#tunnel !== undefined;
  }

  /** @param fields - What the instance sees. */
  start(target: RouteTarget, fields: Fields): void {
    const call = this.#call;
    this.#target = target;
    this.#kind = kindOf(call);
    const isOfGrpc = this.#kind === "grpc";
    // A gRPC stream may be silent until its own deadline; without one, its connection is watched.
    const defaultMs = isOfGrpc ? Number.POSITIVE_INFINITY : this.#ports.answerTimeoutMs;
    const bounds: ExchangeBounds = {
      timeoutMs: target.timeoutMs ?? defaultMs,
      callerMs: callerTimeoutMs(call.fields, isOfGrpc),
      attemptMs: target.attemptTimeoutMs,
    };
    this.#deadlines.begin(bounds, this.#ports.now());
    this.#request = {
      method: call.method,
      path: target.path,
      fields,
      bodyBytes: call.bodyBytes,
      upgrade: call.upgrade,
      isRepeatable: isRepeatable(call.method, call.bodyBytes !== 0),
    };
    if (target.fanOut !== undefined) return this.#askAll(target, this.#request);
    if (target.mirror !== undefined && call.bodyBytes === 0 && call.upgrade === undefined) {
      this.#ports.mirror.copy(target.mirror, target, this.#request);
    }
    this.#try(target, this.#request, undefined);
  }

  /** Answers with a problem, unless an answer has begun. */
  refuse(problem: Problem): void {
    this.#deadlines.end();
    if (this.#isEnded || this.#call.isAnswered) return;
    // Before the answer, whose end may be told at once.
    this.record.statusCode = problemStatus(problem);
    // Those with a reason were told by the attempt that met it.
    if (this.record.statusCode >= 500 && problem.reason === undefined) {
      this.#failed(problem.code, problem.isHostile === true ? "" : problem.detail);
    }
    this.record.reason ||= problem.code;
    answerProblem(this.#call, problem);
  }

  /** Looks whether the answer is late; called now and then. */
  sweep(nowMs: number): void {
    this.#tunnel?.sweep(nowMs);
    if (this.#deadlines.isAnswerDue(nowMs)) {
      if (this.#fanOut !== undefined) return this.#fanOut.expire();
      // No caller may have instances ejected by giving them no time.
      this.#giveUp(this.#deadlines.isCallerLate(nowMs) ? "cancelled" : "error");
      this.#refuseLate(nowMs);
    } else if (this.#deadlines.isAttemptDue(nowMs)) this.#endAttempt();
  }

  /** The instance is late, and the request is not: another may be tried. */
  #endAttempt(): void {
    const detail = this.#deadlines.attemptLateText;
    this.#attempt?.abort();
    this.onFailure({ reason: "attempt-timeout", detail, isUnsent: false });
  }

  /** Too little is left to ask an instance. */
  #isLate(): boolean {
    return this.#deadlines.isLate(this.#ports.now());
  }

  #refuseLate(nowMs: number = this.#ports.now()): void {
    const detail = this.#deadlines.lateText(this.record.service, nowMs);
    this.refuse({ code: ErrorCode.deadlineExceeded, detail });
  }

  /** Breaks an upgraded connection off. */
  destroy(): void {
    this.#tunnel?.destroy();
  }

  /** Broadcast and quorum: the answer is a summary of those of all instances. */
  #askAll(target: RouteTarget, request: InstanceRequest): void {
    const { record } = this;
    if (!request.isRepeatable || request.upgrade !== undefined) {
      const detail = "all instances are asked only by GET, HEAD, OPTIONS, PUT, DELETE without body";
      return this.refuse({ code: ErrorCode.invalidArgument, detail });
    }
    const { balancer, transport, now } = this.#ports;
    const onDone = (answer: FanOutAnswer): void => this.#answerSummary(answer);
    this.#fanOut = new FanOutCall(target, request, { balancer, transport, now, onDone });
    const problem = this.#fanOut.start();
    record.attemptCount = this.#fanOut.count;
    if (problem !== undefined) return this.refuse(problem);
    record.isServiceKnown = true;
  }

  #answerSummary({ statusCode, summary }: FanOutAnswer): void {
    this.#deadlines.end();
    const { record } = this;
    record.statusCode = statusCode;
    record.outcome = "completed";
    const body = Buffer.from(JSON.stringify(summary));
    const length = String(body.length);
    const fields = ["content-type", "application/json", "content-length", length];
    const call = this.#call;
    call.answer(statusCode, SUMMARY_REASONS[statusCode] ?? "", fields, body.length);
    if (call.method !== "HEAD") {
      record.responseBodyBytes += body.length;
      call.write(body);
    }
    call.end(NO_FIELDS);
  }

  /** @param earlier - Why the attempt before failed, told when there is nobody else to ask. */
  #try(target: RouteTarget, request: InstanceRequest, earlier: Problem | undefined): void {
    const { balancer } = this.#ports;
    const mayBeLate = this.#tried !== undefined || this.#deadlines.hasCallers;
    if (mayBeLate && this.#isLate()) return this.#refuseLate();
    const choice = balancer.choose(target, this.#tried, this.#kind);
    if (isChoice(choice)) return this.#begin(target, request, choice);
    // Only a first attempt waits: what failed elsewhere is told at once.
    const mayWait = this.#tried === undefined && isBusy(choice);
    const problem = mayWait ? balancer.wait(target, this) : choice;
    this.record.isServiceKnown ||= mayWait;
    this.#isPending = problem === undefined;
    if (problem !== undefined) this.refuse(earlier ?? problem);
  }

  // While it waits for an instance with room.

  choose(): Choice | Problem {
    const target = this.#target;
    assert(target !== undefined, "only what was started waits");
    return this.#ports.balancer.choose(target, undefined, this.#kind);
  }

  goOn(chosen: Choice | Problem): void {
    this.#isPending = false;
    const { balancer } = this.#ports;
    if (!isChoice(chosen)) this.refuse(chosen);
    else if (this.#target === undefined || this.#request === undefined) {
      balancer.finish(chosen, undefined);
    } else if (this.#isLate()) {
      balancer.finish(chosen, undefined);
      this.#refuseLate();
    } else this.#begin(this.#target, this.#request, chosen);
  }

  #begin(target: RouteTarget, request: InstanceRequest, choice: Choice): void {
    const { record } = this;
    const id = choice.picked.instance.id;
    if (this.#tried?.has(id)) {
      // The picker ran out of others. Once more on the same one is still worth it after a break.
      this.#tried.clear();
    }
    record.isServiceKnown = true;
    record.instanceId = id;
    record.attemptCount += 1;
    if (record.attemptCount > 1) {
      this.#ports.metrics.retries.inc(this.#labels());
    }
    this.#choice = choice;
    this.#isAnswerPaused = false;
    this.#deadlines.beginAttempt(this.#ports.now());
    const attempt = this.#send(target, request, choice);
    this.#attempt = attempt;
    if (attempt.isReady) this.onReady();
    // With a body, what of it was read already goes along.
    if (request.bodyBytes === 0) attempt.flush();
  }

  /** The request as an instance is to see it now: with what is left of the caller's time. */
  #asOfNow(request: InstanceRequest): InstanceRequest {
    if (!this.#deadlines.hasCallers) return request;
    const leftMs = this.#deadlines.callerLeftMs(this.#ports.now());
    return { ...request, fields: withTimeLeft(request.fields, this.#kind === "grpc", leftMs) };
  }

  #send(target: RouteTarget, request: InstanceRequest, choice: Choice): Attempt {
    const { transport, balancer } = this.#ports;
    const { hedge, retryOn } = target;
    const mayHedge = hedge !== undefined && request.isRepeatable && request.upgrade === undefined;
    const afterMs = mayHedge
      ? (hedge.afterMs ?? choice.watched.subscription.hedgeDelayMs)
      : undefined;
    if (hedge === undefined || afterMs === undefined) {
      return transport.send(this.#asOfNow(request), choice.destination, this);
    }
    return new HedgedAttempt(choice, {
      ...{ afterMs, countMax: hedge.countMax, retryOn, receiver: this },
      send: (one, to) => transport.send(this.#asOfNow(request), one.destination, to),
      next: (askedIds) => this.#hedgeChoice(target, askedIds),
      lead: (one) => {
        this.#choice = one;
        this.record.instanceId = one.picked.instance.id;
      },
      finish: (one, result) => balancer.finish(one, result),
    });
  }

  /** Another instance to ask beside those that have not answered. */
  #hedgeChoice(target: RouteTarget, askedIds: ReadonlySet<string>): Choice | undefined {
    const { balancer, metrics } = this.#ports;
    const tried = new Set([...(this.#tried ?? []), ...askedIds]);
    const choice = balancer.choose(target, tried, this.#kind);
    if (!isChoice(choice)) return undefined;
    const isOther = !tried.has(choice.picked.instance.id);
    if (isOther && balancer.tryRetry(choice)) {
      this.record.attemptCount += 1;
      metrics.hedges.inc(this.#labels());
      return choice;
    }
    if (isOther) metrics.retriesRefused.inc();
    balancer.finish(choice, undefined);
    return undefined;
  }

  // Of the caller.

  onBody(chunk: Buffer): void {
    this.record.requestBodyBytes += chunk.length;
    this.#hasTakenBody = true;
    if (!this.#call.isAnswered) this.#deadlines.renew(this.#ports.now());
    if (this.#attempt?.write(chunk) === false) this.#call.pause();
  }

  onBodyEnd(trailers: Fields): void {
    this.#attempt?.end(passableTrailers(trailers));
  }

  onBodyFlush(): void {
    this.#attempt?.flush();
  }

  onRoom(): void {
    if (!this.#isAnswerPaused) return;
    this.#isAnswerPaused = false;
    this.#attempt?.resume();
  }

  onFault(problem: Problem): void {
    this.#giveUp(undefined);
    if (this.#call.isAnswered) this.#call.abort();
    else this.refuse(problem);
  }

  onClosed(isWhole: boolean): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#deadlines.end();
    const isUnderWay = this.#attempt !== undefined || this.#isPending;
    if (!isWhole && isUnderWay) this.record.outcome = "aborted";
    this.#giveUp(undefined);
    this.#ports.onEnded(this);
  }

  // Of the instance.

  onReady(): void {
    const call = this.#call;
    if (call.isComplete) return;
    if (call.expectsContinue && !this.#hasTakenBody) call.inform(100, NO_FIELDS);
    call.resume();
  }

  onRequestRoom(): void {
    this.#call.resume();
  }

  onInform(statusCode: number, fields: Fields): void {
    // What the proxy asked for itself it does not ask for twice.
    if (statusCode !== 100) this.#call.inform(statusCode, responseHeaders(fields));
  }

  onAnswer(
    statusCode: number,
    reason: string,
    fields: Fields,
    bodyBytes: number | undefined,
  ): void {
    if (statusCode >= 500) this.#attemptFailed(`status-${statusCode}`);
    const retryOn = this.#target?.retryOn;
    const isRetryable = retryOn !== undefined && isRetryableStatus(statusCode, retryOn);
    if (isRetryable && this.#mayRetry(this.#choice, false)) {
      this.#giveUp(resultOf(statusCode, fields));
      this.#retry(undefined);
      return;
    }
    this.#deadlines.end();
    this.record.statusCode = statusCode;
    this.#result = grpcResult(fields) ?? resultOf(statusCode, fields);
    this.#mayEndByStatus = this.#kind === "grpc" && bodyBytes === undefined && isGrpc(fields);
    // What follows is the length of the answer, and no latency of the instance.
    this.#choice?.picked.answered();
    this.#call.answer(statusCode, reason, responseHeaders(fields), bodyBytes);
  }

  onAnswerBody(chunk: Buffer): void {
    this.record.responseBodyBytes += chunk.length;
    if (this.#call.write(chunk) || this.#isAnswerPaused) return;
    this.#isAnswerPaused = true;
    this.#attempt?.pause();
  }

  onAnswerFlush(): void {
    this.#call.flush();
  }

  onAnswerEnd(trailers: Fields): void {
    const { record } = this;
    record.outcome = "completed";
    this.#finish(grpcResult(trailers) ?? this.#result);
    this.#call.end(trailers.length === 0 ? trailers : passableTrailers(trailers));
  }

  onSwitch(fields: Fields, stream: Duplex): void {
    const { record } = this;
    this.#deadlines.end();
    this.#attempt = undefined;
    this.#ports.metrics.upgrades.inc(this.#labels());
    record.statusCode = 101;
    record.outcome = "upgraded";
    const caller = this.#call.switchProtocols(responseHeaders(fields));
    this.#tunnel = new Tunnel(caller, stream, this.#ports.now(), {
      idleTimeoutMs: this.#ports.upgradeIdleTimeoutMs,
      record,
      onBroken: () => this.#attemptFailed("closed"),
      onClosed: () => this.#onTunnelClosed(),
    });
    this.#ports.onUpgraded(this);
  }

  onFailure(failure: AttemptFailure): void {
    const { record } = this;
    const choice = this.#choice;
    const id = choice?.picked.instance.id ?? "";
    const result = failure.isUnsent ? "connect-failure" : "error";
    // What an instance sent stays out of it.
    this.#attemptFailed(failure.reason, failure.isUnsent ? failure.detail : "");
    // What broke within one read with its head can still be answered in full.
    if (this.#call.isAnswered && !this.#call.retract()) {
      this.#finish(result);
      record.outcome = "failed";
      this.#breakOff(`instance ${id} of ${record.service} broke its answer off: ${failure.detail}`);
      return;
    }
    const doing = failure.isUnsent ? "cannot be connected to" : "did not answer as it should";
    const isLate = failure.reason === "attempt-timeout";
    const problem: Problem = {
      code: isLate ? ErrorCode.deadlineExceeded : ErrorCode.unavailable,
      detail: `instance ${id} of ${record.service} ${doing}: ${failure.detail}`,
      statusCode: failure.isUnsent ? 503 : isLate ? 504 : 502,
      reason: failure.reason,
    };
    this.#finish(result);
    record.responseBodyBytes = 0;
    const cause = failure.isUnsent ? RetryCause.connectFailure : RetryCause.reset;
    const isCause = this.#target?.retryOn.has(cause) === true;
    if (isCause && this.#mayRetry(choice, failure.isUnsent)) this.#retry(problem, id);
    else this.refuse(problem);
  }

  /** Ends an answer that has begun, so that it cannot be taken for a whole one. */
  #breakOff(detail: string): void {
    if (!this.#mayEndByStatus) return this.#call.abort();
    // As a gRPC client says itself when its connection breaks. It knows that messages are missing.
    this.#call.end(grpcStatusFields({ code: ErrorCode.unavailable, detail }));
  }

  /** @param isUnsent - Nothing was sent: then any method may go elsewhere. */
  #mayRetry(failed: Choice | undefined, isUnsent: boolean): boolean {
    const request = this.#request;
    const target = this.#target;
    if (request === undefined || target === undefined || failed === undefined) return false;
    if (this.#hasTakenBody) return false;
    if (this.#isLate()) return false;
    if (!request.isRepeatable && !isUnsent) return false;
    if (this.record.attemptCount > target.retryCount) return false;
    if (this.#ports.balancer.tryRetry(failed)) return true;
    this.#ports.metrics.retriesRefused.inc();
    return false;
  }

  #retry(problem: Problem | undefined, instanceId = this.record.instanceId): void {
    this.#tried ??= new Set();
    this.#tried.add(instanceId);
    if (this.#target === undefined || this.#request === undefined) return;
    this.#try(this.#target, this.#request, problem);
  }

  #onTunnelClosed(): void {
    this.#isEnded = true;
    this.#finish("success");
    this.#ports.onEnded(this);
  }

  /** At an instance; it is counted, also when another one makes up for it. */
  #attemptFailed(reason: string, detail = ""): void {
    this.#ports.metrics.failures.inc({ ...this.#labels(), reason: failureLabel(reason) });
    this.#failed(reason, detail);
  }

  #failed(reason: string, detail = ""): void {
    const { service, instanceId } = this.record;
    this.record.reason = reason;
    this.#ports.failures.add({ service, instanceId, reason, detail });
  }

  /** Of metrics, once an instance was chosen. */
  #labels(): RequestLabels {
    const { route, service } = this.record;
    return this.#ports.metrics.requestLabels(route, service, true);
  }

  /** Gives up what is under way with an instance. */
  #giveUp(result: CallResult | undefined): void {
    const attempt = this.#attempt;
    if (this.#isPending) this.#ports.balancer.leave(this);
    this.#isPending = false;
    this.#finish(result);
    attempt?.abort();
    this.#fanOut?.abort();
  }

  /** The attempt is over; undefined says nothing about the instance. */
  #finish(result: CallResult | undefined): void {
    const choice = this.#choice;
    this.#deadlines.endAttempt();
    this.#choice = undefined;
    this.#attempt = undefined;
    if (choice !== undefined) this.#ports.balancer.finish(choice, result);
  }
}

function kindOf(call: Call): CallKind {
  if (call.upgrade !== undefined) return "upgrade";
  return isGrpc(call.fields) ? "grpc" : "http";
}

/** What gRPC's own status says, in trailers or in an answer of fields alone. */
function grpcResult(fields: Fields): CallResult | undefined {
  if (fields.length === 0) return undefined;
  const code = firstValue(fields, "grpc-status");
  return code === undefined ? undefined : resultOfGrpcStatus(Number(code));
}

function resultOf(statusCode: number, fields: Fields): CallResult {
  if (statusCode < 500 && statusCode !== 429) return resultOfHttpStatus(statusCode);
  const retryAfter = firstValue(fields, "retry-after");
  if (retryAfter === undefined) return resultOfHttpStatus(statusCode);
  return resultOfHttpStatus(statusCode, retryAfterOfField(retryAfter, Date.now()));
}
