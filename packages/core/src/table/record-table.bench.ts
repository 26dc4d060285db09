/**
 * What a table costs: bytes per instance, rates, and its longest call.
 *
 * Run with `node --expose-gc packages/core/dist/table/record-table.bench.js [column|map] [count...]`.
 * Sketch for columns at a million: 52 B of row, 2 B of bucket, 62 B of arena (4 + 1 of head, id of
 * 12, body of 45) = 116 B; a put touches about 5 cold lines, so 0.5 to 1.5 us.
 */

import { performance } from "node:perf_hooks";
import { argv, memoryUsage } from "node:process";
import { pathToFileURL } from "node:url";
import { SeededRandom } from "../random.js";
import { InstanceState, RecordKind, type RegistryRecord } from "../record.js";
import { ColumnRecordTable } from "./column-record-table.js";
import { MapRecordTable } from "./map-record-table.js";
import type { RecordTable } from "./record-table.js";

const ID_BYTES = 12;
const BODY_BYTES = 45;
const SERVICE_INSTANCE_COUNT = 1_000;
const SYNC_PART_COUNT = 2_000;

/** One line of the report. */
export interface TableMeasure {
  readonly table: string;
  readonly instanceCount: number;
  readonly bytesPerInstance: number;
  /** Growth of the process's memory per instance. */
  readonly rssPerInstance: number;
  readonly putsPerSecond: number;
  /** Writes that change only state and stamp. */
  readonly touchesPerSecond: number;
  /** Writes that change the body's length. */
  readonly rewritesPerSecond: number;
  readonly bytesPerInstanceAfterRewrites: number;
  readonly findsPerSecond: number;
  /** Records per second of a reader that takes an origin's list in parts. */
  readonly syncsPerSecond: number;
  readonly removesPerSecond: number;
  /** Longest single put, find or remove, collector's pauses included. */
  readonly longestPauseMs: number;
  /** Keeps the work from being optimised away. */
  readonly resultHash: number;
}

/** Measures one kind of table at one size. */
export function measureTable(
  name: string,
  create: () => RecordTable,
  instanceCount: number,
): TableMeasure {
  globalThis.gc?.();
  const rssBefore = memoryUsage().rss;
  const table = create();
  const records = new RecordSource(instanceCount);
  const random = new SeededRandom(instanceCount);
  let longestPauseMs = 0;
  let resultHash = 0;

  /** Calls per second, over calls with indexes 0 to instanceCount - 1. */
  const rate = (call: (index: number) => void): number => {
    const start = performance.now();
    let last = start;
    for (let index = 0; index < instanceCount; index += 1) {
      call(index);
      const now = performance.now();
      if (now - last > longestPauseMs) longestPauseMs = now - last;
      last = now;
    }
    return Math.round((instanceCount * 1000) / (last - start));
  };
  const anywhere = () => Math.floor(random.next() * instanceCount);

  const putsPerSecond = rate((index) => table.put(records.next(index, BODY_BYTES)));
  globalThis.gc?.();
  const rssPerInstance = (memoryUsage().rss - rssBefore) / instanceCount;
  const bytesPerInstance = table.byteCount / instanceCount;
  const findsPerSecond = rate(() => {
    resultHash = (resultHash * 31 + table.find(records.key(anywhere()))) >>> 0;
  });
  const touchesPerSecond = rate(() => table.put(records.next(anywhere(), BODY_BYTES)));
  const syncsPerSecond = measureSync(table, instanceCount);
  const rewritesPerSecond = rate(() =>
    table.put(records.next(anywhere(), BODY_BYTES + Math.floor(random.next() * 41) - 20)),
  );
  const bytesPerInstanceAfterRewrites = table.byteCount / instanceCount;
  const removesPerSecond = rate((index) => table.remove(table.find(records.key(index))));
  return {
    table: name,
    instanceCount,
    bytesPerInstance: Math.round(bytesPerInstance * 10) / 10,
    rssPerInstance: Math.round(rssPerInstance),
    putsPerSecond,
    touchesPerSecond,
    rewritesPerSecond,
    bytesPerInstanceAfterRewrites: Math.round(bytesPerInstanceAfterRewrites * 10) / 10,
    findsPerSecond,
    syncsPerSecond,
    removesPerSecond,
    longestPauseMs: Math.round(longestPauseMs * 100) / 100,
    resultHash,
  };
}

/** Reads all of origin 0 as a peer does that joins: in parts, from where the last one ended. */
function measureSync(table: RecordTable, instanceCount: number): number {
  const start = performance.now();
  let position = 0;
  let seenCount = 0;
  for (let isMore = true; isMore; ) {
    let taken = 0;
    isMore = false;
    for (const slot of table.slotsAfter(0, position)) {
      if (taken === SYNC_PART_COUNT) {
        isMore = true;
        break;
      }
      taken += 1;
      position = table.version(slot);
    }
    seenCount += taken;
  }
  if (seenCount !== instanceCount) throw new Error(`saw ${seenCount} of ${instanceCount} records`);
  return Math.round((seenCount * 1000) / (performance.now() - start));
}

class RecordSource {
  readonly #services: string[];
  readonly #bytes = new Uint8Array(2 * BODY_BYTES);
  readonly #origin = { nodeId: "node-1", generation: 1, scope: 0 } as const;
  #version = 0;

  constructor(instanceCount: number) {
    const count = Math.ceil(instanceCount / SERVICE_INSTANCE_COUNT);
    this.#services = Array.from({ length: count }, (_, index) => `service-${index}`);
  }

  next(index: number, bodyBytes: number): RegistryRecord {
    this.#version += 1;
    this.#bytes[this.#version % BODY_BYTES] = this.#version;
    return {
      kind: RecordKind.instance,
      scope: 0,
      namespace: "default",
      service: this.#service(index),
      id: idOf(index),
      origin: this.#origin,
      version: this.#version,
      stamp: { incarnation: 1_700_000_000_000 + index, session: this.#version, claim: 0 },
      state: InstanceState.up,
      isSuspect: false,
      reason: 0,
      since: (1_700_000_000_000 + index) * 2048,
      body: this.#bytes.subarray(0, bodyBytes),
    };
  }

  key(index: number) {
    return {
      kind: RecordKind.instance,
      scope: 0,
      namespace: "default",
      service: this.#service(index),
      id: idOf(index),
    } as const;
  }

  #service(index: number): string {
    return this.#services[index % this.#services.length]!;
  }
}

function idOf(index: number): string {
  return `i${String(index).padStart(ID_BYTES - 1, "0")}`;
}

if (import.meta.url === pathToFileURL(argv[1] ?? "").href) {
  const [name = "column", ...counts] = argv.slice(2);
  const create = () => (name === "map" ? new MapRecordTable() : new ColumnRecordTable());
  const sizes = counts.length === 0 ? [10_000, 100_000, 1_000_000] : counts.map(Number);
  for (const size of sizes) console.log(measureTable(name, create, size));
}
