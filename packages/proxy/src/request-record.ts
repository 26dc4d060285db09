/** What the proxy remembers of one request for its access line and metrics. */
import { RouteLabel } from "@fpzk/core";
import { type AccessEntry, type AccessLog, silentAccessLog } from "./access-log.js";
import type { ProxyMetrics } from "./metrics.js";

export interface RequestRecord {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly startedAtMs: number;
  /** As in {@link AccessEntry.route}. */
  route: string;
  service: string;
  /** The service had an instance to try, so that its name may label a metric. */
  isServiceKnown: boolean;
  statusCode: number;
  instanceId: string;
  attemptCount: number;
  requestBodyBytes: number;
  responseBodyBytes: number;
  outcome: AccessEntry["outcome"];
  reason: string;
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
    route: RouteLabel.none,
    service: "",
    isServiceKnown: false,
    statusCode: 0,
    instanceId: "",
    attemptCount: 0,
    requestBodyBytes: 0,
    responseBodyBytes: 0,
    outcome: "refused",
    reason: "",
  };
}

/** Writes the access line and counts the request. */
export function closeRequestRecord(record: RequestRecord, ports: RecordPorts): void {
  const durationMs = ports.now() - record.startedAtMs;
  const { route, service, isServiceKnown } = record;
  const labels = ports.metrics.requestLabels(route, service, isServiceKnown);
  ports.metrics.requests.add(labels, record.statusCode, durationMs);
  if (ports.accessLog === silentAccessLog) return;
  ports.accessLog.write({
    method: record.method,
    host: record.host,
    path: record.path,
    statusCode: record.statusCode,
    route,
    service,
    instanceId: record.instanceId,
    attemptCount: record.attemptCount,
    requestBodyBytes: record.requestBodyBytes,
    responseBodyBytes: record.responseBodyBytes,
    outcome: record.outcome,
    reason: record.reason,
    durationMs: Math.round(durationMs * 1_000) / 1_000,
  });
}
