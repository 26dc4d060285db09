/** `h2load` of nghttp2: HTTP/2 and gRPC, and what it prints and writes. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Latencies } from "../latencies.js";
import { runProgram } from "./programs.js";
import type { WrkResult } from "./wrk.js";

export interface H2loadRun {
  readonly url: string;
  readonly connectionCount: number;
  /** Requests at once on each connection. */
  readonly streamCount: number;
  readonly requestCount: number;
  /** A file of one gRPC message: absent, it asks with GET. */
  readonly grpcBody?: string;
  /** Where its log may be for as long as it runs. */
  readonly directory: string;
}

/**
 * Asks so many times, as fast as it is answered, by one thread. (Told to ask for a time, h2load
 * never ends when a connection came about after that time.)
 */
export async function runH2load(run: H2loadRun): Promise<WrkResult> {
  const log = join(run.directory, `h2load-${process.pid}.log`);
  const grpc =
    run.grpcBody === undefined
      ? []
      : ["-d", run.grpcBody, "-H", "content-type: application/grpc", "-H", "te: trailers"];
  try {
    const text = await runProgram([
      "h2load",
      ...["-t1", `-c${run.connectionCount}`, `-m${run.streamCount}`, `-n${run.requestCount}`],
      // More bytes on their way than one answer has: the window must not be what is measured.
      ...["-w22", "-W26", `--log-file=${log}`, ...grpc, run.url],
    ]);
    return { ...parseH2load(text), ...parseH2loadLog(readFileSync(log, "latin1")) };
  } finally {
    rmSync(log, { force: true });
  }
}

/** @throws Error when the text is not that of a run. */
export function parseH2load(
  text: string,
): Pick<WrkResult, "requestCount" | "requestsPerSecond" | "bytesPerSecond" | "errorCount"> {
  const finished = /^finished in \S+ ([\d.]+) req\/s, ([\d.]+)([KMG]?B)\/s/m.exec(text);
  const requests = /(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored/.exec(text);
  if (finished === null || requests === null) {
    throw new Error(`h2load must print what was finished: ${text.slice(-500)}`);
  }
  return {
    requestCount: Number(requests[1]),
    requestsPerSecond: Number(finished[1]),
    bytesPerSecond: Number(finished[2]) * (UNIT_BYTES[finished[3] ?? ""] ?? 1),
    // Those that failed contain those that errored.
    errorCount: Number(requests[3]),
  };
}

/** Lines of a start, a status and microseconds, with tabs between. */
export function parseH2loadLog(text: string): Pick<WrkResult, "p50Ms" | "p99Ms"> {
  const latencies = new Latencies();
  for (const line of text.split("\n")) {
    const micros = Number(line.split("\t")[2] ?? Number.NaN);
    if (!Number.isNaN(micros)) latencies.record(micros / 1_000);
  }
  return { p50Ms: latencies.percentile(50), p99Ms: latencies.percentile(99) };
}

const UNIT_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1_024,
  MB: 1_024 ** 2,
  GB: 1_024 ** 3,
};
