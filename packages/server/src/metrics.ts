/** What Prometheus sees of a node. `docs/metrics.md` lists the same; a test ties the two. */
import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { InstanceState, type MemberView, RecordKind, type RecordTable } from "@fpzk/core";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { ServerCounters } from "./server-counters.js";

export interface MetricsSource {
  readonly counters: ServerCounters;
  readonly table: () => RecordTable;
  /** Core's own counters by name: a closed set. */
  readonly nodeCounters: () => Readonly<Record<string, number>>;
  readonly members: () => readonly MemberView[];
  readonly quarantined: () => readonly { readonly nodeId: string; readonly holeCount: number }[];
  readonly isReady: () => boolean;
  readonly connectionCount: () => number;
  readonly sessionCount: () => number;
  readonly streamCount: () => number;
  readonly leaseCount: () => number;
  readonly linkCounts: () => Readonly<Record<string, number>>;
  readonly eventCount: () => number;
  readonly turnCount: () => number;
}

const PROPAGATION_BUCKETS_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
const EVENT_LOOP_RESOLUTION_MS = 10;
/** Slots looked at before the event loop runs again. */
const CENSUS_SLICE_COUNT = 20_000;
/** A census younger than this is shown again: scrapes must not cost. */
const CENSUS_MAX_AGE_MS = 5_000;
/** Nodes that are named in a metric; more are shown as `others`. */
const QUARANTINE_LABEL_COUNT_MAX = 64;
const NANOS_PER_SECOND = 1e9;

export class ServerMetrics {
  readonly registry = new Registry();
  readonly #source: MetricsSource;
  readonly #region: string;
  readonly #propagation: Histogram<"from_region" | "to_region">;
  readonly #loopDelay: IntervalHistogram;
  #census: Record<string, number> = {};
  #censusAtMs = Number.NEGATIVE_INFINITY;

  constructor(source: MetricsSource, region: string) {
    this.#source = source;
    this.#region = region;
    this.#loopDelay = monitorEventLoopDelay({ resolution: EVENT_LOOP_RESOLUTION_MS });
    this.#loopDelay.enable();
    this.#propagation = new Histogram({
      name: "fpzk_propagation_seconds",
      help: "One-way time of a change from this node to a region, measured by canaries",
      labelNames: ["from_region", "to_region"],
      buckets: PROPAGATION_BUCKETS_SECONDS,
      registers: [this.registry],
    });
    this.#addLoadMetrics();
    this.#addTableMetrics();
    this.#addReplicationMetrics();
    this.#addRuntimeMetrics();
  }

  /** Performs `propagation`. */
  observePropagation(region: string, elapsedMs: number): void {
    this.#propagation.observe({ from_region: this.#region, to_region: region }, elapsedMs / 1000);
  }

  text(): Promise<string> {
    return this.registry.metrics();
  }

  close(): void {
    this.#loopDelay.disable();
  }

  #addLoadMetrics(): void {
    const { counters, ...source } = this.#source;
    this.#gauge("fpzk_connections", "TCP connections open on the port", source.connectionCount);
    this.#gauge("fpzk_sessions", "Client sessions open", source.sessionCount);
    this.#gauge("fpzk_streams", "Watches open by REST", source.streamCount);
    this.#gauge("fpzk_leases", "Leases: sessions and registrations by REST", source.leaseCount);
    this.#gauge("fpzk_ready", "1 when the node answers queries", () => (source.isReady() ? 1 : 0));
    this.#counter(
      "fpzk_session_input_total",
      "Frames from sessions",
      () => counters.sessionInputCount,
    );
    this.#counter(
      "fpzk_session_input_bytes_total",
      "Bytes from sessions",
      () => counters.sessionInputBytes,
    );
    this.#counter(
      "fpzk_pushes_total",
      "Changes and snapshots sent to sessions",
      () => counters.pushCount,
    );
    this.#counter("fpzk_push_bytes_total", "Bytes of them", () => counters.pushBytes);
    this.#counter(
      "fpzk_answers_total",
      "Other messages sent to sessions",
      () => counters.answerCount,
    );
    this.#counter(
      "fpzk_queue_drops_total",
      "Times a session's queue was full and its changes were dropped until it read again",
      () => counters.queueDropCount,
    );
    this.#counter(
      "fpzk_slow_sessions_closed_total",
      "Sessions closed because they did not read for too long",
      () => counters.slowSessionCloseCount,
    );
    const refused = new Counter({
      name: "fpzk_refused_inputs_total",
      help: "Input that was refused, by where it came from and error code",
      labelNames: ["source", "code"],
      registers: [this.registry],
      collect: () => {
        refused.reset();
        for (const { source, code, count } of counters.refused())
          refused.inc({ source, code }, count);
      },
    });
  }

  #addTableMetrics(): void {
    const { table } = this.#source;
    this.#gauge("fpzk_records", "Live records of all kinds", () => table().liveCount);
    this.#gauge(
      "fpzk_tombstones",
      "Removed records that are still remembered",
      () => table().tombstoneCount,
    );
    this.#gauge("fpzk_table_bytes", "Memory of the table of records", () => table().byteCount);
    this.#gauge(
      "fpzk_services",
      "Services that have records, removed ones included",
      // Node and canary records are kept under the empty name, which is no service.
      () => table().serviceCount - table().serviceCountOf(""),
    );
    const instances = new Gauge({
      name: "fpzk_instances",
      help: "Instances by the state that their owner says",
      labelNames: ["state"],
      registers: [this.registry],
      collect: async () => {
        await this.#takeCensus();
        for (const [state, count] of Object.entries(this.#census)) instances.set({ state }, count);
      },
    });
  }

  #addReplicationMetrics(): void {
    const { counters, linkCounts, members, nodeCounters } = this.#source;
    this.#counter("fpzk_deltas_sent_total", "Deltas sent to peers", () => counters.deltaSentCount);
    this.#counter("fpzk_delta_sent_bytes_total", "Bytes of them", () => counters.deltaSentBytes);
    this.#counter(
      "fpzk_deltas_received_total",
      "Deltas received from peers",
      () => counters.deltaReceivedCount,
    );
    this.#counter(
      "fpzk_delta_received_bytes_total",
      "Bytes of them",
      () => counters.deltaReceivedBytes,
    );
    this.#counter(
      "fpzk_link_congested_total",
      "Times a link's queue was full",
      () => counters.linkCongestedCount,
    );
    this.#counter(
      "fpzk_dials_failed_total",
      "Dials that came to nothing",
      () => counters.dialFailedCount,
    );
    this.#labelled("fpzk_links", "Peer links by state", "state", linkCounts);
    this.#labelled("fpzk_members", "Nodes by status as this node sees them", "status", () => {
      const counts: Record<string, number> = {};
      for (const { status } of members()) counts[status] = (counts[status] ?? 0) + 1;
      return counts;
    });
    this.#labelled(
      "fpzk_quarantined_origins",
      "Origins of which something could not be read, by node",
      "origin",
      () => {
        const counts: Record<string, number> = {};
        for (const { nodeId } of this.#source.quarantined()) {
          const isNamed =
            nodeId in counts || Object.keys(counts).length < QUARANTINE_LABEL_COUNT_MAX;
          const label = isNamed ? nodeId : "others";
          counts[label] = (counts[label] ?? 0) + 1;
        }
        return counts;
      },
    );
    const core = new Counter({
      name: "fpzk_core_events_total",
      help: "What core counts: repair rounds, resets, expiries and the like, by name",
      labelNames: ["event"],
      registers: [this.registry],
      collect: () => {
        core.reset();
        for (const [event, count] of Object.entries(nodeCounters())) core.inc({ event }, count);
      },
    });
  }

  #addRuntimeMetrics(): void {
    const { counters, eventCount, turnCount } = this.#source;
    this.#counter("fpzk_events_total", "Events stepped by core", eventCount);
    this.#counter("fpzk_turns_total", "Turns of the event loop that had input", turnCount);
    this.#counter("fpzk_snapshots_total", "Snapshots written", () => counters.snapshotCount);
    this.#counter(
      "fpzk_snapshot_failures_total",
      "Snapshots that failed",
      () => counters.snapshotFailureCount,
    );
    const delay = new Gauge({
      name: "fpzk_event_loop_delay_seconds",
      help: "Delay of the event loop since the last scrape, by quantile",
      labelNames: ["quantile"],
      registers: [this.registry],
      collect: () => {
        for (const quantile of [50, 99, 100]) {
          // The resolution of the sampling itself is part of each sample.
          const nanos = this.#loopDelay.percentile(quantile) - EVENT_LOOP_RESOLUTION_MS * 1e6;
          const seconds = Math.max(0, nanos / NANOS_PER_SECOND);
          delay.set({ quantile: String(quantile / 100) }, seconds);
        }
        this.#loopDelay.reset();
      },
    });
    this.#gauge(
      "fpzk_heap_used_bytes",
      "JavaScript heap in use",
      () => process.memoryUsage().heapUsed,
    );
    this.#gauge("fpzk_resident_bytes", "Resident memory of the process", () =>
      process.memoryUsage.rss(),
    );
    this.#counter("fpzk_cpu_seconds_total", "User and system time of the process", () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    });
  }

  #gauge(name: string, help: string, read: () => number): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [this.registry],
      collect: () => gauge.set(read()),
    });
  }

  #counter(name: string, help: string, read: () => number): void {
    const counter: Counter = new Counter({
      name,
      help,
      registers: [this.registry],
      collect: () => {
        counter.reset();
        counter.inc(read());
      },
    });
  }

  #labelled(
    name: string,
    help: string,
    label: string,
    read: () => Readonly<Record<string, number>>,
  ): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect: () => {
        gauge.reset();
        for (const [value, count] of Object.entries(read())) gauge.set({ [label]: value }, count);
      },
    });
  }

  /** Counts in slices, so that a scrape of a full table does not stall the loop. */
  async #takeCensus(): Promise<void> {
    const nowMs = performance.now();
    if (nowMs - this.#censusAtMs < CENSUS_MAX_AGE_MS) return;
    this.#censusAtMs = nowMs;
    const census: Record<string, number> = { up: 0, offline: 0, draining: 0, suspect: 0 };
    const table = this.#source.table();
    let lookedAt = 0;
    for (const slot of table.slots()) {
      lookedAt += 1;
      if (lookedAt % CENSUS_SLICE_COUNT === 0) await new Promise(setImmediate);
      if (table.kind(slot) !== RecordKind.instance) continue;
      const state = table.state(slot);
      if (state === InstanceState.removed) continue;
      const name = table.isSuspect(slot) ? "suspect" : stateNames[state];
      if (name !== undefined) census[name] = (census[name] ?? 0) + 1;
    }
    this.#census = census;
  }
}

const stateNames: readonly string[] = Object.entries(InstanceState)
  .sort(([, a], [, b]) => a - b)
  .map(([name]) => name);
