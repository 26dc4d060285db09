/** `wrk`, and what it prints. */
import { runProgram } from "./programs.js";

export interface WrkRun {
  readonly url: string;
  readonly connectionCount: number;
  readonly seconds: number;
}

export interface WrkResult {
  readonly requestCount: number;
  readonly requestsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers that were no 2xx or 3xx, and connections that broke. */
  readonly errorCount: number;
}

/** Asks for one URL as fast as it is answered, by one thread. */
export async function runWrk({ url, connectionCount, seconds }: WrkRun): Promise<WrkResult> {
  const text = await runProgram([
    "wrk",
    ...["-t1", `-c${connectionCount}`, `-d${seconds}s`, "--latency", "--timeout", "10s", url],
  ]);
  return parseWrk(text);
}

/** @throws Error when the text is not that of a run. */
export function parseWrk(text: string): WrkResult {
  const rate = Number(/^Requests\/sec:\s+([\d.]+)/m.exec(text)?.[1]);
  if (Number.isNaN(rate)) throw new Error(`wrk must print Requests/sec: ${text.slice(0, 500)}`);
  const transfer = /^Transfer\/sec:\s+([\d.]+)([KMG]?B)/m.exec(text);
  const sockets = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text);
  const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0);
  return {
    requestCount: Number(/^\s+(\d+) requests in /m.exec(text)?.[1] ?? 0),
    requestsPerSecond: rate,
    bytesPerSecond: Number(transfer?.[1] ?? 0) * (UNIT_BYTES[transfer?.[2] ?? "B"] ?? 1),
    p50Ms: durationMs(/^\s+50%\s+(\S+)/m.exec(text)?.[1]),
    p99Ms: durationMs(/^\s+99%\s+(\S+)/m.exec(text)?.[1]),
    errorCount: (sockets?.slice(1) ?? []).reduce((sum, one) => sum + Number(one), refused),
  };
}

const UNIT_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1_024,
  MB: 1_024 ** 2,
  GB: 1_024 ** 3,
};
const UNIT_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000, m: 60_000 };

function durationMs(text: string | undefined): number {
  const match = /^([\d.]+)(us|ms|s|m)$/.exec(text ?? "");
  return match === null ? 0 : Number(match[1]) * (UNIT_MS[match[2] ?? ""] ?? 0);
}
