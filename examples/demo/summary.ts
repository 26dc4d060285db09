/** What the demo shows: figures gathered from processes and `/metrics`, and their text. Pure. */
import { type CallCounts, delayMsBetween, REGIONS, type Region } from "./topology.js";

/** The mean of a propagation histogram. */
export interface Propagation {
  readonly from: string;
  readonly to: string;
  readonly count: number;
  readonly meanMs: number;
}

export interface ServerFigures {
  readonly nodeId: string;
  readonly isAnswering: boolean;
  readonly nodeCount: number;
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
  readonly edges: readonly EdgeFigures[];
}

/** One sample of the Prometheus text format. */
interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads a server's `/metrics`. */
export function readServerFigures(nodeId: string, text: string | undefined): ServerFigures {
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
    serviceCount: total(samples, "fpzk_services"),
    instanceCount: total(samples, "fpzk_instances"),
    propagation: [...counts.values()]
      .filter(({ count }) => count > 0)
      .map(({ from, to, sum, count }) => ({ from, to, count, meanMs: (sum / count) * 1_000 })),
  };
}

/** Means over the servers of each pair of regions, both ways together. */
export function propagationByPair(servers: readonly ServerFigures[]): readonly {
  readonly pair: string;
  readonly wireMs: number;
  readonly meanMs: number | undefined;
}[] {
  const pairs: [Region, Region][] = [];
  for (const [index, from] of REGIONS.entries()) {
    for (const to of REGIONS.slice(index)) pairs.push([from, to]);
  }
  return pairs.map(([a, b]) => {
    const measured = servers
      .flatMap((server) => server.propagation)
      .filter(({ from, to }) => (from === a && to === b) || (from === b && to === a));
    const count = measured.reduce((sum, one) => sum + one.count, 0);
    const weighted = measured.reduce((sum, one) => sum + one.meanMs * one.count, 0);
    return {
      pair: a === b ? `inside ${a}` : `${a}–${b}`,
      wireMs: delayMsBetween(a, b),
      meanMs: count === 0 ? undefined : weighted / count,
    };
  });
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
  for (const { pair, wireMs, meanMs } of propagationByPair(summary.servers)) {
    const measured = meanMs === undefined ? "not yet" : `${meanMs.toFixed(1)} ms`;
    lines.push(`  ${pad(pair, 16)}${pad(`${wireMs} ms`, 8)}${measured}`);
  }
  return lines;
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
