/**
 * One simulated run: callers with real balancers send calls to a {@link SimulatedService}.
 *
 * Arrivals, work and antagonists are drawn from seeds of their own, so that every policy meets the
 * same calls; only what the policy draws differs.
 */
import {
  InstanceLoad,
  InstanceState,
  instant,
  Liveness,
  OUTLIER_DEFAULTS,
  type PolicyName,
  RETRY_BUDGET_DEFAULTS,
  randomBelow,
  SeededRandom,
  ServiceBalancer,
  type ViewInstance,
  WEIGHT_DEFAULT,
} from "@fpzk/core";
import {
  exponential,
  type Job,
  type ServiceOptions,
  SimulatedService,
} from "./simulated-service.js";

/** How calls are spread in a run. */
export interface Contender {
  readonly name: string;
  readonly policy: PolicyName;
  /** Results are not told: what the policy does without learning. */
  readonly isPlain?: boolean;
  readonly ejects?: boolean;
  readonly keyLoadFactor?: number;
  /** Weights say the true speeds. */
  readonly knowsSpeeds?: boolean;
}

export interface RunOptions {
  readonly contender: Contender;
  readonly service: ServiceOptions;
  readonly callerCount: number;
  /** Share of the service's capacity that is asked for, 0 to 1. */
  readonly loadRatio: number;
  readonly durationMs: number;
  /** Calls that begin before are not counted. */
  readonly warmupMs: number;
  /** When instance 0 becomes a black hole. */
  readonly blackHoleAtMs?: number;
  readonly seed: number;
}

export interface RunResult {
  /** Ascending, in ms; a call that was given up or failed counts with the time until then. */
  readonly latenciesMs: Float64Array;
  /** Share of calls that failed or were given up. */
  readonly failedRatio: number;
  /** Calls to instance 0 and to all, in windows of {@link WINDOW_MS}. */
  readonly windows: readonly { readonly holeCount: number; readonly totalCount: number }[];
}

export const WINDOW_MS = 100;
/** Mean work of a call at speed 1. */
const DEMAND_MEAN_MS = 20;
/** Callers give up after this. */
const TIMEOUT_MS = 2_000;
const KEY_COUNT = 10_000;

interface Caller {
  readonly balancer: ServiceBalancer;
  readonly instances: readonly ViewInstance[];
}

export function runBalancing(options: RunOptions): RunResult {
  return new Run(options).play();
}

class Run {
  readonly #options: RunOptions;
  readonly #service: SimulatedService;
  readonly #callers: readonly Caller[];
  readonly #random: SeededRandom;
  readonly #arrivalMeanMs: number;
  /** Calls in the order in which they time out; some are over. */
  readonly #waiting: Job[] = [];
  #waitingHead = 0;
  readonly #latencies: number[] = [];
  #failedCount = 0;
  readonly #windows: { holeCount: number; totalCount: number }[] = [];

  constructor(options: RunOptions) {
    this.#options = options;
    this.#service = new SimulatedService(options.service);
    this.#random = new SeededRandom(options.seed);
    const callersRandom = new SeededRandom(options.seed + 1);
    this.#callers = Array.from({ length: options.callerCount }, () =>
      createCaller(options, callersRandom.fork()),
    );
    const capacity = SimulatedService.capacityOf(options.service);
    this.#arrivalMeanMs = DEMAND_MEAN_MS / (capacity * options.loadRatio);
  }

  play(): RunResult {
    const { durationMs, blackHoleAtMs = Number.POSITIVE_INFINITY } = this.#options;
    let breaksAt = blackHoleAtMs;
    let arrivesAt = exponential(this.#random, this.#arrivalMeanMs);
    while (arrivesAt < durationMs) {
      const completesAt = this.#service.nextCompletionAt;
      const expiresAt = this.#nextExpiry();
      const now = Math.min(arrivesAt, completesAt, expiresAt, breaksAt);
      if (now === breaksAt) {
        this.#service.breakDown(0);
        breaksAt = Number.POSITIVE_INFINITY;
      } else if (now === expiresAt) this.#expire(now);
      else if (now === completesAt) this.#complete();
      else {
        this.#arrive(now);
        arrivesAt += exponential(this.#random, this.#arrivalMeanMs);
      }
    }
    const latenciesMs = Float64Array.from(this.#latencies).sort();
    const failedRatio = this.#failedCount / Math.max(1, latenciesMs.length);
    return { latenciesMs, failedRatio, windows: this.#windows };
  }

  #arrive(now: number): void {
    const callerIndex = randomBelow(this.#random, this.#callers.length);
    const key = `user-${randomBelow(this.#random, KEY_COUNT)}`;
    const demandMs = exponential(this.#random, DEMAND_MEAN_MS);
    const caller = this.#callers[callerIndex];
    const picked = caller?.balancer.pick({ key }, instant(now));
    if (caller === undefined || picked === undefined) return;
    const instanceIndex = caller.instances.indexOf(picked);
    this.#countPick(instanceIndex, now);
    const job: Job = { callerIndex, instanceIndex, beganAt: now, demandMs, isOver: false };
    this.#waiting.push(job);
    this.#service.accept(job, now);
  }

  #complete(): void {
    const completion = this.#service.complete();
    if (completion === undefined || completion.job.isOver) return;
    this.#end(completion.job, !completion.isError, completion.at);
  }

  #expire(now: number): void {
    const job = this.#waiting[this.#waitingHead];
    if (job !== undefined) this.#end(job, false, now);
  }

  #end(job: Job, isSuccess: boolean, now: number): void {
    job.isOver = true;
    const caller = this.#callers[job.callerIndex];
    const instance = caller?.instances[job.instanceIndex];
    if (caller === undefined || instance === undefined) return;
    const latencyMs = now - job.beganAt;
    const told = isSuccess ? "success" : "error";
    const result = this.#options.contender.isPlain === true ? undefined : told;
    caller.balancer.end({ instance, result, latencyMs }, instant(now));
    if (job.beganAt < this.#options.warmupMs) return;
    this.#latencies.push(latencyMs);
    if (!isSuccess) this.#failedCount += 1;
  }

  /** When the first call that is still waited for is given up. */
  #nextExpiry(): number {
    while (this.#waiting[this.#waitingHead]?.isOver === true) this.#waitingHead += 1;
    if (this.#waitingHead > 100_000) {
      this.#waiting.splice(0, this.#waitingHead);
      this.#waitingHead = 0;
    }
    const first = this.#waiting[this.#waitingHead];
    return first === undefined ? Number.POSITIVE_INFINITY : first.beganAt + TIMEOUT_MS;
  }

  #countPick(instanceIndex: number, now: number): void {
    const index = Math.floor(now / WINDOW_MS);
    while (this.#windows.length <= index) this.#windows.push({ holeCount: 0, totalCount: 0 });
    const window = this.#windows[index];
    if (window === undefined) return;
    window.totalCount += 1;
    if (instanceIndex === 0) window.holeCount += 1;
  }
}

function createCaller({ contender, service }: RunOptions, random: SeededRandom): Caller {
  const neverEjects = { ...OUTLIER_DEFAULTS, maxEjectionPercent: 0 };
  const balancer = new ServiceBalancer({
    policy: contender.policy,
    random,
    caller: { region: "", zone: "" },
    regionOrder: [],
    panicRatio: 0.5,
    prefersNear: true,
    keyLoadFactor: contender.keyLoadFactor ?? 0,
    outlier: contender.ejects === false ? neverEjects : OUTLIER_DEFAULTS,
    retryBudget: RETRY_BUDGET_DEFAULTS,
    slowStartMs: 0,
    instanceCallCountMax: Number.POSITIVE_INFINITY,
  });
  const instances = service.speeds.map((speed, index) =>
    viewInstance(
      index,
      contender.knowsSpeeds === true ? Math.round(speed * WEIGHT_DEFAULT) : WEIGHT_DEFAULT,
    ),
  );
  balancer.update(instances, instant(0));
  return { balancer, instances };
}

function viewInstance(index: number, weight: number): ViewInstance {
  return {
    ...{ namespace: "default", service: "simulated", id: `i${index}`, since: index + 1, weight },
    stamp: { incarnation: 1, session: 1, claim: 0 },
    state: InstanceState.up,
    liveness: Liveness.alive,
    description: {
      ...{ group: "", version: "", region: "", zone: "", endpoints: [], weight, metadata: {} },
      startWallTime: 0,
    },
    ownerNodeId: "n1",
    load: new InstanceLoad(),
  };
}
