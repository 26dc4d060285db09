/** What the proxy remembers of one request for its access line and metrics. */
import type { AccessEntry, AccessLog } from "./access-log.js";
import { codeClass, type ProxyMetrics } from "./metrics.js";

export interface RequestRecord {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly startedAtMs: number;
  service: string;
  /** The service had an instance to try, so that its name may label a metric. */
  isServiceKnown: boolean;
  statusCode: number;
  instanceId: string;
  attemptCount: number;
  requestBodyBytes: number;
  responseBodyBytes: number;
  outcome: AccessEntry["outcome"];
}

export interface RecordPorts {
  readonly metrics: ProxyMetrics;
  readonly accessLog: AccessLog;
  readonly now: () => number;
}

/** Begins a record; the query is left out of the path. */
export function createRequestRecord(
  request: { readonly method: string; readonly host: string; readonly path: string },
  startedAtMs: number,
): RequestRecord {
  const pathEnd = request.path.indexOf("?");
  return {
    method: request.method,
    host: request.host,
    path: pathEnd === -1 ? request.path : request.path.slice(0, pathEnd),
    startedAtMs,
    service: "",
    isServiceKnown: false,
    statusCode: 0,
    instanceId: "",
    attemptCount: 0,
    requestBodyBytes: 0,
    responseBodyBytes: 0,
    outcome: "refused",
  };
}

/** Writes the access line and counts the request. */
export function closeRequestRecord(record: RequestRecord, ports: RecordPorts): void {
  const { startedAtMs, isServiceKnown, ...entry } = record;
  const durationMs = ports.now() - startedAtMs;
  const label = ports.metrics.serviceLabel(record.service, isServiceKnown);
  ports.metrics.requests.inc({ service: label, code_class: codeClass(record.statusCode) });
  ports.metrics.duration.observe({ service: label }, durationMs / 1_000);
  ports.accessLog.write({ ...entry, durationMs: Math.round(durationMs * 1_000) / 1_000 });
}
