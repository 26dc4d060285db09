/**
 * The callers of one region: one process that calls the service in an open loop, through the
 * region's proxy and by embedded clients, and tells how it went.
 */
import { CallOutcome, connect, type ServiceSubscription } from "@fpzk/client";
import { registerGrpc } from "@fpzk/client/grpc";
import { SeededRandom } from "@fpzk/core";
import { Client, credentials } from "@grpc/grpc-js";
import type { Histogram } from "hdr-histogram-js";
import { Agent } from "undici";
import { Arrivals } from "./arrivals.js";
import { type Call, CallMix } from "./call-mix.js";
import { askByGrpc } from "./grpc-service.js";
import { createLatencies, encodeLatencies, percentileMs, recordLatency } from "./latencies.js";
import {
  type CallCounts,
  type CallerOrder,
  type CallerPlan,
  type CallerReport,
  type CallWindow,
  type InstanceAnswer,
  joinSlices,
  PATHS,
  type Path,
  type SafeSlice,
  SERVICE,
  SLICE_MS,
} from "./plan.js";

const TICK_MS = 2;
const REPORT_INTERVAL_MS = 250;
/** More at once means that nobody answers any more; the rest counts as failed. */
const IN_FLIGHT_COUNT_MAX = 5_000;
/** To one origin; further calls wait for one of them. */
const CONNECTION_COUNT_MAX = 64;
const PROXY_TIMEOUT_MS = 10_000;
/** Failures that are told one by one. */
const FAILURE_TOLD_COUNT_MAX = 200;

/** Where a call goes; `release` is called when it is over. */
interface Target {
  readonly id: string;
  readonly origin: string;
  readonly prefix: string;
  release(result: CallOutcome): void;
}

class Caller {
  readonly #plan: CallerPlan;
  readonly #near: ServiceSubscription;
  readonly #anywhere: ServiceSubscription;
  readonly #agent: Agent;
  readonly #channels: ReadonlyMap<Path, Client>;
  readonly #mix: CallMix;
  readonly #random: SeededRandom;
  readonly #latencies = Object.fromEntries(
    PATHS.map((path) => [path, createLatencies()]),
  ) as Readonly<Record<Path, Histogram>>;
  readonly #recent = createLatencies();
  #counts = { sentCount: 0, doneCount: 0, failedCount: 0 };
  #byInstance = new Map<string, number>();
  #safeFailedCount = 0;
  #unsafeFailedCount = 0;
  #lateCount = 0;
  #slices = new Map<number, SafeSlice>();
  #inFlightCount = 0;
  #toldCount = 0;
  #timer: NodeJS.Timeout | undefined;
  #onIdle: () => void = () => {};

  constructor(plan: CallerPlan, near: ServiceSubscription, anywhere: ServiceSubscription) {
    this.#plan = plan;
    this.#near = near;
    this.#anywhere = anywhere;
    this.#random = new SeededRandom(plan.seed);
    this.#mix = new CallMix(this.#random.fork(), plan);
    this.#channels = new Map<Path, Client>([
      ["grpc-proxy", channelTo(new URL(plan.proxyUrl).host)],
      ["grpc-embedded", channelTo(`fpzk:///${SERVICE}`)],
    ]);
    this.#agent = new Agent({
      connections: CONNECTION_COUNT_MAX,
      headersTimeout: plan.timeoutMs,
      bodyTimeout: plan.timeoutMs,
      connect: { timeout: plan.timeoutMs },
    });
  }

  start(): void {
    const arrivals = new Arrivals(this.#plan, this.#random.fork(), performance.now());
    this.#timer = setInterval(() => {
      for (const intendedMs of arrivals.due(performance.now())) this.#send(intendedMs);
    }, TICK_MS);
  }

  /** Sends no more; resolves when every call is over. */
  async finish(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#inFlightCount > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    for (const channel of this.#channels.values()) channel.close();
    await this.#agent.close();
  }

  get counts(): CallCounts {
    return { ...this.#counts };
  }

  get latencies(): Record<Path, string> {
    const encoded = PATHS.map((path) => [path, encodeLatencies(this.#latencies[path])]);
    return Object.fromEntries(encoded) as Record<Path, string>;
  }

  takeWindow(): CallWindow {
    const window = {
      byInstance: Object.fromEntries(this.#byInstance),
      safeFailedCount: this.#safeFailedCount,
      unsafeFailedCount: this.#unsafeFailedCount,
      lateCount: this.#lateCount,
      slices: [...this.#slices.values()],
      p50Ms: percentileMs(this.#recent, 50),
      p99Ms: percentileMs(this.#recent, 99),
      maxMs: percentileMs(this.#recent, 100),
    };
    this.#recent.reset();
    this.#byInstance = new Map();
    this.#safeFailedCount = 0;
    this.#unsafeFailedCount = 0;
    this.#lateCount = 0;
    this.#slices = new Map();
    return window;
  }

  #send(intendedMs: number): void {
    const call = this.#mix.next();
    this.#counts.sentCount += 1;
    if (this.#inFlightCount >= IN_FLIGHT_COUNT_MAX) {
      const reason = `not sent: ${this.#inFlightCount} calls are without an answer`;
      this.#fail(call, intendedMs, "", reason);
      return;
    }
    this.#inFlightCount += 1;
    void this.#run(call, intendedMs).finally(() => {
      this.#inFlightCount -= 1;
      if (this.#inFlightCount === 0) this.#onIdle();
    });
  }

  async #run(call: Call, intendedMs: number): Promise<void> {
    // The proxy retries by its own policy; a client that embeds FPZK does it like this.
    const isRepeatable = call.isSafe && (call.path === "embedded" || call.path === "anywhere");
    const attemptCountMax = 1 + (isRepeatable ? this.#plan.retryCount : 0);
    const excluded = new Set<string>();
    let target = "";
    let reason = "";
    for (let attempt = 0; attempt < attemptCountMax; attempt += 1) {
      const chosen = this.#choose(call.path, excluded);
      if (chosen === undefined) {
        reason = "no instance to pick";
        break;
      }
      target = `${chosen.id} ${chosen.origin}`;
      try {
        const answer = await this.#exchange(call, chosen);
        chosen.release(CallOutcome.success);
        this.#counts.doneCount += 1;
        this.#byInstance.set(answer.id, (this.#byInstance.get(answer.id) ?? 0) + 1);
        // Without what the instance was asked to take.
        const tookMs = performance.now() - intendedMs - call.waitMs;
        recordLatency(this.#latencies[call.path], tookMs);
        recordLatency(this.#recent, tookMs);
        const isLate = tookMs > this.#plan.badMs;
        if (isLate) this.#lateCount += 1;
        if (call.isSafe) this.#countSafe(intendedMs, isLate);
        return;
      } catch (error) {
        reason = reasonOf(error);
        excluded.add(chosen.id);
        const isUnsent = /^(ECONNREFUSED|UND_ERR_CONNECT_TIMEOUT)/.test(reason);
        chosen.release(isUnsent ? CallOutcome.connectFailure : CallOutcome.error);
      }
    }
    this.#fail(call, intendedMs, target, reason);
  }

  #choose(path: Path, excluded: ReadonlySet<string>): Target | undefined {
    // The channel picks, or the proxy.
    if (path.startsWith("grpc-")) return { id: path, origin: "", prefix: "", release() {} };
    if (path === "proxy") {
      return { id: "proxy", origin: this.#plan.proxyUrl, prefix: `/${SERVICE}`, release() {} };
    }
    const subscription = path === "embedded" ? this.#near : this.#anywhere;
    const picked = subscription.pick({ excluded, prefersElsewhere: excluded.size >= 2 });
    if (picked === undefined) return undefined;
    return {
      id: picked.instance.id,
      origin: picked.url,
      prefix: "",
      release: (result) => picked.release(result),
    };
  }

  async #exchange(call: Call, target: Target): Promise<InstanceAnswer> {
    const channel = this.#channels.get(call.path);
    if (channel !== undefined) {
      const { timeoutMs } = this.#plan;
      const answer = await askByGrpc(channel, { ...call, timeoutMs });
      if (answer.echo !== call.echo) throw new Error(`the answer of another request: ${answer.id}`);
      return answer;
    }
    const { statusCode, body } = await this.#agent.request({
      origin: target.origin,
      path: `${target.prefix}/echo/${call.echo}?wait=${call.waitMs}`,
      method: call.method,
      // The proxy tries others itself, and answers in any case.
      ...(call.path === "proxy" ? { headersTimeout: PROXY_TIMEOUT_MS } : {}),
      ...(call.body === undefined ? {} : { body: call.body }),
    });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`status ${statusCode}: ${text.slice(0, 300)}`);
    const answer = JSON.parse(text) as InstanceAnswer;
    if (answer.echo !== call.echo) throw new Error(`the answer of another request: ${text}`);
    if (answer.bodyBytes !== (call.body?.length ?? 0)) throw new Error(`the body was cut: ${text}`);
    return answer;
  }

  #countSafe(intendedMs: number, isBad: boolean): void {
    const wallMs = performance.timeOrigin + intendedMs;
    const atWallMs = wallMs - (wallMs % SLICE_MS);
    const [badCount, lastBadWallMs] = isBad ? [1, wallMs] : [0, 0];
    const slice = { atWallMs, count: 1, badCount, lastBadWallMs };
    this.#slices.set(atWallMs, joinSlices(this.#slices.get(atWallMs), slice));
  }

  #fail(call: Call, intendedMs: number, target: string, reason: string): void {
    this.#counts.failedCount += 1;
    if (call.isSafe) {
      this.#safeFailedCount += 1;
      this.#countSafe(intendedMs, true);
    } else this.#unsafeFailedCount += 1;
    if (this.#toldCount >= FAILURE_TOLD_COUNT_MAX) return;
    this.#toldCount += 1;
    const { path, method } = call;
    const { region } = this.#plan;
    const tookMs = performance.now() - intendedMs;
    const atWallMs = performance.timeOrigin + intendedMs;
    const failure = { atWallMs, region, path, method, target, tookMs, reason };
    tell({ type: "failed", failure });
  }
}

/**
 * No retry policy: what remains is a call's second attempt after a stream that provably reached
 * nobody (gRFC A6, transparent retries). With `grpc.enable_retries: 0` grpc-js omits that, too,
 * and fails calls that cross a GOAWAY.
 */
function channelTo(target: string): Client {
  return new Client(target, credentials.createInsecure());
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : "";
  return `${code === undefined ? "" : `${code} `}${error.message}${cause}`;
}

function tell(report: CallerReport): void {
  process.send?.(report);
}

process.on("disconnect", () => process.exit(1));
// Only the parent ends it: a terminal's Ctrl-C reaches the whole group.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
const plan = JSON.parse(process.argv[2] ?? "{}") as CallerPlan;
const client = await connect({
  servers: plan.servers,
  region: plan.region,
  clientId: `callers-${plan.region}`,
  services: { [SERVICE]: { policy: plan.policy } },
});
registerGrpc(client);
const protocol = "http";
const { policy } = plan;
const near = client.subscribe(SERVICE, { policy, protocol });
const anywhere = client.subscribe(SERVICE, { policy, protocol, prefersNear: false });
await near.ready({ timeoutMs: 30_000 });
const caller = new Caller(plan, near, anywhere);
const reports = setInterval(() => {
  tell({ type: "counts", counts: caller.counts, window: caller.takeWindow() });
}, REPORT_INTERVAL_MS);
process.on("message", (order: CallerOrder) => {
  if (order.type === "start") {
    caller.start();
    return;
  }
  void caller.finish().then(async () => {
    clearInterval(reports);
    const { counts, latencies } = caller;
    tell({ type: "counts", counts, window: caller.takeWindow() });
    tell({ type: "finished", counts, latencies });
    await client.close();
    process.disconnect();
  });
});
tell({ type: "ready" });
