/** Every policy under the same simulated load: latencies, and what a black hole attracts. */
import { PolicyName, SeededRandom } from "@fpzk/core";
import { type Bench, type BenchContext, sized } from "../bench.js";
import type { Figure, MeasuredFigure } from "../figure.js";
import { type Contender, runBalancing, WINDOW_MS } from "./balancing-run.js";

const LOADS = [0.6, 0.75, 0.85, 0.95] as const;
const QUANTILES = [
  ["p50", 0.5],
  ["p99", 0.99],
  ["p99.9", 0.999],
] as const;
const INSTANCE_COUNT = 20;
const WORKER_COUNT = 2;
const CALLER_COUNT = 10;
/** Instances are from so many times slower to so many times faster than speed 1. */
const SPEED_SPREAD = 2;
const SEED = 20_260_101;
/** Longest that a black hole may take more than twice its share. */
const HOLE_GOAL_MS = 1_000;

/** `oldest` is no way to spread load and is left out. */
const CONTENDERS: readonly Contender[] = [
  { name: "round-robin, plain", policy: PolicyName.roundRobin, isPlain: true },
  { name: "least-request, plain", policy: PolicyName.leastRequest, isPlain: true },
  { name: "random", policy: PolicyName.random },
  { name: "round-robin", policy: PolicyName.roundRobin },
  { name: "weighted, told the speeds", policy: PolicyName.weighted, knowsSpeeds: true },
  { name: "least-request", policy: PolicyName.leastRequest },
  { name: "least-request, told the speeds", policy: PolicyName.leastRequest, knowsSpeeds: true },
  { name: "ewma", policy: PolicyName.ewma },
  { name: "rendezvous", policy: PolicyName.rendezvous },
  { name: "ring-hash", policy: PolicyName.ringHash },
  { name: "maglev", policy: PolicyName.maglev },
  { name: "rendezvous, keyLoadFactor 1.25", policy: PolicyName.rendezvous, keyLoadFactor: 1.25 },
];

const HOLE_CONTENDERS: readonly (Contender & { readonly isBound: boolean })[] = [
  { name: "round-robin, plain", policy: PolicyName.roundRobin, isPlain: true, isBound: false },
  { name: "least-request, plain", policy: PolicyName.leastRequest, isPlain: true, isBound: false },
  { name: "round-robin", policy: PolicyName.roundRobin, isBound: true },
  { name: "least-request", policy: PolicyName.leastRequest, isBound: true },
  { name: "ewma", policy: PolicyName.ewma, isBound: true },
  {
    ...{ name: "least-request, never ejects", policy: PolicyName.leastRequest, ejects: false },
    isBound: true,
  },
  { name: "ewma, never ejects", policy: PolicyName.ewma, ejects: false, isBound: true },
];

export const balancingBench: Bench = {
  name: "balancing",
  title: "simulated: the same calls under every policy, instances of different speed",
  runCountMax: 1,
  document: { path: "docs/balancing.md", text: documentText },
  run(context) {
    return Promise.resolve([...latencyFigures(context), ...holeFigures(context)]);
  },
};

function latencyFigures(context: BenchContext): Figure[] {
  const durationMs = sized(context, { tiny: 500, quick: 20_000, full: 120_000 });
  const warmupMs = sized(context, { tiny: 100, quick: 5_000, full: 20_000 });
  return CONTENDERS.flatMap((contender) =>
    LOADS.flatMap((loadRatio) => {
      context.progress(`${contender.name} at ${loadRatio}`);
      const { latenciesMs, failedRatio } = runBalancing({
        service: {
          ...{ speeds: drawSpeeds(), workerCount: WORKER_COUNT },
          ...{ hasAntagonists: true, seed: SEED + 7 },
        },
        ...{ contender, callerCount: CALLER_COUNT, loadRatio, durationMs, warmupMs, seed: SEED },
      });
      const name = caseName(contender, loadRatio);
      return [
        ...QUANTILES.map(([quantile, ratio]) =>
          told(`${name}: ${quantile}`, quantileOf(latenciesMs, ratio), "ms"),
        ),
        told(`${name}: failed`, failedRatio * 100, "%"),
      ];
    }),
  );
}

/** Log-uniform, the same for every run. */
function drawSpeeds(): number[] {
  const random = new SeededRandom(SEED);
  return Array.from({ length: INSTANCE_COUNT }, () => SPEED_SPREAD ** (2 * random.next() - 1));
}

function holeFigures(context: BenchContext): Figure[] {
  const blackHoleAtMs = sized(context, { tiny: 200, quick: 5_000, full: 10_000 });
  const durationMs = sized(context, { tiny: 500, quick: 20_000, full: 60_000 });
  return HOLE_CONTENDERS.flatMap((contender) => {
    context.progress(`black hole, ${contender.name}`);
    const { windows } = runBalancing({
      service: {
        speeds: Array.from({ length: INSTANCE_COUNT }, () => 1),
        ...{ workerCount: WORKER_COUNT, hasAntagonists: false, seed: SEED },
      },
      // One caller, as a proxy is one: what it does not learn nobody makes up for.
      ...{ contender, callerCount: 1, loadRatio: 0.6, durationMs, warmupMs: 0 },
      ...{ blackHoleAtMs, seed: SEED },
    });
    const after = windows.slice(Math.floor(blackHoleAtMs / WINDOW_MS));
    const fairs = after.map(({ holeCount, totalCount }) =>
      totalCount === 0 ? 0 : (holeCount / totalCount) * INSTANCE_COUNT,
    );
    const aboveMs = fairs.filter((fair) => fair > 2).length * WINDOW_MS;
    const secondCount = 1_000 / WINDOW_MS;
    const name = `black hole, ${contender.name}`;
    return [
      {
        ...told(`${name}: above twice its share`, aboveMs, "ms"),
        goal: contender.isBound ? HOLE_GOAL_MS : null,
      },
      told(`${name}: most in 100 ms`, Math.max(...fairs), "x fair"),
      told(`${name}: first second`, meanOf(fairs.slice(0, secondCount)), "x fair"),
      told(`${name}: afterwards`, meanOf(fairs.slice(secondCount)), "x fair"),
    ];
  });
}

function told(figure: string, value: number, unit: string): Figure {
  return { bench: "balancing", figure, value, unit, goal: null, better: "lower" };
}

function caseName(contender: Contender, loadRatio: number): string {
  return `${contender.name} at ${loadRatio * 100} %`;
}

function quantileOf(sorted: Float64Array, ratio: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * ratio))] ?? 0;
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/** The tables of `docs/balancing.md`. */
function documentText(figures: readonly MeasuredFigure[]): string {
  const figureOf = (figure: string): number =>
    figures.find((each) => each.figure === figure)?.value ?? Number.NaN;
  const cell = (contender: Contender, loadRatio: number): string => {
    const name = caseName(contender, loadRatio);
    const quantiles = QUANTILES.map(([quantile]) => round(figureOf(`${name}: ${quantile}`)));
    const failedPercent = figureOf(`${name}: failed`);
    const failed = failedPercent >= 0.005 ? ` (${failedPercent.toFixed(2)} % failed)` : "";
    return `${quantiles.join(" / ")}${failed}`;
  };
  const loads = LOADS.map((loadRatio) => `${loadRatio * 100} %`);
  return [
    `| p50 / p99 / p99.9 in ms at a load of | ${loads.join(" | ")} |`,
    `|---|${loads.map(() => "---").join("|")}|`,
    ...CONTENDERS.map(
      (contender) =>
        `| ${contender.name} | ${LOADS.map((loadRatio) => cell(contender, loadRatio)).join(" | ")} |`,
    ),
    "",
    "| a black hole under | above twice its share | most in 100 ms | first second | afterwards |",
    "|---|---|---|---|---|",
    ...HOLE_CONTENDERS.map(({ name }) => {
      const values = ["most in 100 ms", "first second", "afterwards"].map(
        (what) => `${figureOf(`black hole, ${name}: ${what}`).toFixed(2)} × fair`,
      );
      const aboveMs = figureOf(`black hole, ${name}: above twice its share`);
      return `| ${name} | ${aboveMs} ms | ${values.join(" | ")} |`;
    }),
  ].join("\n");
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}
