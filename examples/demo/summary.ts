/** What the demo shows: figures gathered from processes and `/metrics`, and their text. Pure. */
import { type CallCounts, delayMsBetween, REGIONS, type Region } from "./topology.js";

/** How long changes took so far from one server to a region, as its histogram sums it up. */
export interface Propagation {
  readonly from: string;
  readonly to: string;
  readonly count: number;
  readonly sumMs: number;
}

export interface ServerFigures {
  readonly nodeId: string;
  readonly isAnswering: boolean;
  readonly nodeCount: number;
  /** Services with an instance. */
  readonly serviceCount: number;
  readonly instanceCount: number;
  readonly propagation: readonly Propagation[];
}

export interface EdgeFigures {
  readonly region: Region;
  readonly direct: CallCounts;
  readonly proxied: CallCounts;
}

export interface Summary {
  readonly elapsedSeconds: number;
  readonly servers: readonly ServerFigures[];
  /** The same servers a while ago: propagation is shown of the time since. */
  readonly earlierServers: readonly ServerFigures[];
  readonly edges: readonly EdgeFigures[];
}

/** One sample of the Prometheus text format. */
interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * Reads a server's answers.
 *
 * @param text - Its `/metrics`; undefined when it does not answer.
 * @param services - Its list of services, as JSON.
 */
export function readServerFigures(
  nodeId: string,
  text: string | undefined,
  services: string | undefined,
): ServerFigures {
  const samples = text === undefined ? [] : text.split("\n").flatMap(parseSample);
  const counts = new Map<string, { from: string; to: string; sum: number; count: number }>();
  for (const { name, labels, value } of samples) {
    const { from_region: from, to_region: to } = labels;
    if (from === undefined || to === undefined) continue;
    const entry = counts.get(`${from} ${to}`) ?? { from, to, sum: 0, count: 0 };
    if (name === "fpzk_propagation_seconds_sum") entry.sum = value;
    if (name === "fpzk_propagation_seconds_count") entry.count = value;
    counts.set(`${from} ${to}`, entry);
  }
  return {
    nodeId,
    isAnswering: text !== undefined,
    nodeCount: total(samples, "fpzk_members"),
    serviceCount: countServices(services),
    instanceCount: total(samples, "fpzk_instances"),
    propagation: [...counts.values()]
      .filter(({ count }) => count > 0)
      .map(({ from, to, sum, count }) => ({ from, to, count, sumMs: sum * 1_000 })),
  };
}

/** What was measured between two regions, both ways together. */
export interface PairFigures {
  readonly pair: string;
  readonly wireMs: number;
  /** Undefined when nothing was measured. */
  readonly meanMs: number | undefined;
}

/** Means of what was measured since `earlier`, for every pair of regions. */
export function propagationByPair(
  servers: readonly ServerFigures[],
  earlier: readonly ServerFigures[],
): readonly PairFigures[] {
  const measured = servers.flatMap((server) => {
    const before = earlier.find((one) => one.nodeId === server.nodeId)?.propagation ?? [];
    return server.propagation.map((now) => since(now, before));
  });
  const pairs: [Region, Region][] = [];
  for (const [index, a] of REGIONS.entries()) {
    for (const b of REGIONS.slice(index)) pairs.push([a, b]);
  }
  return pairs.map(([a, b]) => {
    const ofPair = measured.filter(
      ({ from, to }) => (from === a && to === b) || (from === b && to === a),
    );
    const count = ofPair.reduce((sum, one) => sum + one.count, 0);
    const sumMs = ofPair.reduce((sum, one) => sum + one.sumMs, 0);
    return {
      pair: a === b ? `inside ${a}` : `${a}–${b}`,
      wireMs: delayMsBetween(a, b),
      meanMs: count === 0 ? undefined : sumMs / count,
    };
  });
}

/** What came after an earlier reading; all of it when the server started anew in between. */
function since(now: Propagation, earlier: readonly Propagation[]): Propagation {
  const before = earlier.find(({ from, to }) => from === now.from && to === now.to);
  if (before === undefined || before.count > now.count) return now;
  return { ...now, count: now.count - before.count, sumMs: now.sumMs - before.sumMs };
}

/** The block of lines that a terminal shows again and again. */
export function renderSummary(summary: Summary): readonly string[] {
  const answering = summary.servers.filter((server) => server.isAnswering);
  const lines = [
    `after ${summary.elapsedSeconds.toFixed(0)} s: ${answering.length} of ` +
      `${summary.servers.length} servers answer; each sees:`,
    `  ${pad("server", 8)}${pad("nodes", 7)}${pad("services", 10)}instances`,
  ];
  for (const server of summary.servers) {
    lines.push(
      server.isAnswering
        ? `  ${pad(server.nodeId, 8)}${pad(server.nodeCount, 7)}` +
            `${pad(server.serviceCount, 10)}${server.instanceCount}`
        : `  ${pad(server.nodeId, 8)}does not answer`,
    );
  }
  lines.push(`  ${pad("callers", 16)}${pad("calls", 8)}${pad("failed", 8)}who answered last`);
  for (const { region, direct, proxied } of summary.edges) {
    for (const [name, counts] of [["embedded", direct] as const, ["by proxy", proxied] as const]) {
      lines.push(
        `  ${pad(`${region} ${name}`, 16)}${pad(counts.callCount, 8)}` +
          `${pad(counts.failureCount, 8)}${counts.lastAnswer}`,
      );
    }
  }
  lines.push(`  ${pad("a change takes", 16)}${pad("wire", 8)}measured, one way`);
  for (const { pair, wireMs, meanMs } of propagationByPair(
    summary.servers,
    summary.earlierServers,
  )) {
    if (meanMs === undefined && wireMs === 0) continue;
    const measured = meanMs === undefined ? "not yet" : `${meanMs.toFixed(1)} ms`;
    lines.push(`  ${pad(pair, 16)}${pad(`${wireMs} ms`, 8)}${measured}`);
  }
  return lines;
}

function countServices(json: string | undefined): number {
  if (json === undefined) return 0;
  const { services } = JSON.parse(json) as { services: { instanceCount: number }[] };
  return services.filter(({ instanceCount }) => instanceCount > 0).length;
}

function total(samples: readonly Sample[], name: string): number {
  let sum = 0;
  for (const sample of samples) if (sample.name === name) sum += sample.value;
  return sum;
}

function parseSample(line: string): Sample[] {
  const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
  const name = match?.[1];
  if (name === undefined) return [];
  const labels: Record<string, string> = {};
  for (const [, label = "", value = ""] of (match?.[2] ?? "").matchAll(/(\w+)="([^"]*)"/g)) {
    labels[label] = value;
  }
  return [{ name, labels, value: Number(match?.[3]) }];
}

function pad(value: string | number, width: number): string {
  return String(value).padEnd(width);
}
