/**
 * Policies compared with real sockets: what the simulation (`balancing`) says, seen with a registry,
 * an embedded client and HTTP servers, all on this machine.
 *
 * An open loop: calls start when they are due, whatever became of those before.
 */
import { Agent, request } from "node:http";
import { connect, type Picked, type ServiceSubscription } from "@fpzk/client";
import { type PolicyName, type Random, SeededRandom } from "@fpzk/core";
import { type Bench, type BenchContext, sized } from "../bench.js";
import { delay } from "../clock.js";
import type { Figure, MeasuredFigure } from "../figure.js";
import { Latencies } from "../latencies.js";
import { describeMachine, machineText } from "../machine.js";
import { Stage } from "../stage.js";
import { capacityOf, RealInstance } from "./real-service.js";

const INSTANCE_COUNT = 8;
/** Half to twice: the fastest is four times as fast as the slowest. */
const SPEEDS = Array.from({ length: INSTANCE_COUNT }, (_, index) => 2 ** ((2 * index) / 7 - 1));
const LOADS = [0.6, 0.8, 0.95] as const;
const CALL_TIMEOUT_MS = 2_000;
const SEED = 20_260_102;

interface Contender {
  readonly name: string;
  readonly policy: PolicyName;
  /** Nothing is told of how calls ended. */
  readonly isPlain?: boolean;
  readonly knowsSpeeds?: boolean;
}

const CONTENDERS: readonly Contender[] = [
  { name: "round-robin, plain", policy: "round-robin", isPlain: true },
  { name: "least-request, plain", policy: "least-request", isPlain: true },
  { name: "round-robin", policy: "round-robin" },
  { name: "random", policy: "random" },
  { name: "weighted, told the speeds", policy: "weighted", knowsSpeeds: true },
  { name: "least-request", policy: "least-request" },
  { name: "ewma", policy: "ewma" },
  { name: "rendezvous", policy: "rendezvous" },
];

export const realBalancingBench: Bench = {
  name: "balancing-real",
  title: "with real sockets: the same calls under every policy, instances of different speed",
  runCountMax: 1,
  document: { path: "docs/balancing.md", text: documentText },
  async run(context) {
    const stage = new Stage(context);
    try {
      const server = await stage.server();
      const figures: Figure[] = [];
      for (const contender of CONTENDERS) {
        for (const load of LOADS) {
          context.progress(caseName(contender, load));
          figures.push(...(await measure(context, { address: server.address, contender, load })));
        }
      }
      return figures;
    } finally {
      await stage[Symbol.asyncDispose]();
    }
  },
};

interface Case {
  readonly address: string;
  readonly contender: Contender;
  readonly load: number;
}

async function measure(
  context: BenchContext,
  { address, contender, load }: Case,
): Promise<Figure[]> {
  const random = new SeededRandom(SEED);
  const warmMs = sized(context, { tiny: 100, quick: 1_000, full: 3_000 });
  const durationMs = sized(context, { tiny: 200, quick: 3_000, full: 10_000 });
  const instances = SPEEDS.map((speed, index) => {
    return new RealInstance(speed, index / INSTANCE_COUNT, random.fork());
  });
  const client = await connect({ servers: [address] });
  const agent = new Agent({ keepAlive: true });
  try {
    // A service of its own for each case: nothing that was learned before counts.
    const service = caseName(contender, load).replaceAll(/[^a-z0-9]+/g, "-");
    const subscription = client.subscribe(service, { policy: contender.policy });
    for (const [index, instance] of instances.entries()) {
      const endpoints = [{ host: "127.0.0.1", port: await instance.listen() }];
      const weight = Math.round((SPEEDS[index] ?? 1) * 100);
      await client.register({
        ...{ service, id: `i-${index}`, endpoints },
        ...(contender.knowsSpeeds === true ? { weight } : {}),
      });
    }
    while (subscription.instances.length < INSTANCE_COUNT) await delay(10);
    const rate = capacityOf(SPEEDS) * load;
    const calls = { subscription, agent, random, isPlain: contender.isPlain === true };
    const { latencies, failedCount } = await openLoop(calls, { rate, warmMs, durationMs });
    const name = caseName(contender, load);
    return [
      told(`${name}: p50`, latencies.percentile(50), "ms"),
      told(`${name}: p99`, latencies.percentile(99), "ms"),
      told(`${name}: p99.9`, latencies.percentile(99.9), "ms"),
      told(`${name}: failed`, (failedCount * 100) / Math.max(1, latencies.count), "%"),
    ];
  } finally {
    agent.destroy();
    await client.close();
    for (const instance of instances) instance.close();
  }
}

interface Calls {
  readonly subscription: ServiceSubscription;
  readonly agent: Agent;
  readonly random: Random;
  readonly isPlain: boolean;
}

/** A call that failed counts with the time after which its caller gives up. */
async function openLoop(
  calls: Calls,
  { rate, warmMs, durationMs }: { rate: number; warmMs: number; durationMs: number },
): Promise<{ latencies: Latencies; failedCount: number }> {
  const latencies = new Latencies();
  let failedCount = 0;
  const under = new Set<Promise<void>>();
  const startMs = performance.now();
  let dueMs = startMs;
  for (;;) {
    dueMs += (-Math.log(1 - calls.random.next()) * 1_000) / rate;
    if (dueMs > startMs + warmMs + durationMs) break;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await delay(waitMs);
    const fromMs = dueMs;
    const one = callOnce(calls).then((isOk) => {
      under.delete(one);
      if (fromMs < startMs + warmMs) return;
      latencies.record(isOk ? performance.now() - fromMs : CALL_TIMEOUT_MS);
      if (!isOk) failedCount += 1;
    });
    under.add(one);
  }
  await Promise.all(under);
  return { latencies, failedCount };
}

async function callOnce({ subscription, agent, random, isPlain }: Calls): Promise<boolean> {
  const picked = subscription.pick({ key: `k${Math.floor(random.next() * 10_000)}` });
  if (picked === undefined) return false;
  const isOk = await ask(picked, agent);
  picked.release(isPlain ? undefined : isOk ? "success" : "error");
  return isOk;
}

function ask(picked: Picked, agent: Agent): Promise<boolean> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(CALL_TIMEOUT_MS);
    const asked = request(picked.url, { agent, signal }, (response) => {
      picked.answered();
      response.resume();
      response.on("end", () => resolve(response.statusCode === 200));
      response.on("error", () => resolve(false));
    });
    asked.on("error", () => resolve(false));
    asked.end();
  });
}

function told(figure: string, value: number, unit: string): Figure {
  return { bench: "balancing-real", figure, value, unit, goal: null, better: "lower" };
}

function caseName(contender: Contender, load: number): string {
  return `${contender.name} at ${load * 100} %`;
}

function documentText(figures: readonly MeasuredFigure[]): string {
  const figureOf = (figure: string): number =>
    figures.find((each) => each.figure === figure)?.value ?? Number.NaN;
  const cell = (contender: Contender, load: number): string => {
    const name = caseName(contender, load);
    const times = ["p50", "p99", "p99.9"].map((each) => figureOf(`${name}: ${each}`).toFixed(0));
    const failed = figureOf(`${name}: failed`);
    return `${times.join(" / ")}${failed >= 0.005 ? ` (${failed.toFixed(2)} % failed)` : ""}`;
  };
  return [
    machineText(describeMachine()).replace("\n", "; "),
    "",
    `| p50 / p99 / p99.9 in ms at a load of | ${LOADS.map((load) => `${load * 100} %`).join(" | ")} |`,
    `|---|${LOADS.map(() => "---").join("|")}|`,
    ...CONTENDERS.map((contender) => {
      return `| ${contender.name} | ${LOADS.map((load) => cell(contender, load)).join(" | ")} |`;
    }),
  ].join("\n");
}
