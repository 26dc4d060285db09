/** `fpzk proxy status`: what a running proxy says of itself, for people. */
import type { Diagnostics, InstanceDiagnostics, ServiceDiagnostics } from "@fpzk/proxy";
import type { Command } from "commander";
import { CliError } from "../cli-error.js";
import { parseHostPort } from "../config/address.js";
import { ExitCode } from "../exit-code.js";
import { hasColor, type Io } from "../io.js";
import { exchangeJson } from "../rest/request.js";
import { ANSWER_TIMEOUT_MS } from "../rest/timeouts.js";
import { type Color, formatTable, printable } from "../text-table.js";

/** Of the newest failures, so that the services stay on the screen. */
const SHOWN_FAILURE_COUNT = 10;

export function addStatus(parent: Command, io: Io): void {
  const command = parent
    .command("status")
    .description("show what a running proxy sees and does")
    .option("--admin <host:port>", "its admin listener (or a port; FPZK_PROXY_ADMIN_PORT)")
    .option("--json", "one JSON document")
    .addHelpText(
      "after",
      `
With --workers each worker has an admin port of its own, and says which one it is.

Examples:
  fpzk proxy status --admin 7190
  fpzk proxy status --admin 127.0.0.1:7191 --json
`,
    );
  command.action(async (options: { admin?: string; json?: boolean }) => {
    const baseUrl = adminUrl(options.admin ?? (io.environment["FPZK_PROXY_ADMIN_PORT"] || ""));
    const target = { baseUrl, token: undefined, caFile: undefined };
    const wanted = { path: "/v1/diagnostics", timeoutMs: ANSWER_TIMEOUT_MS } as const;
    const answer = await exchangeJson(target, { method: "GET", ...wanted });
    io.stdout.write(
      options.json
        ? `${JSON.stringify(answer)}\n`
        : statusText(answer as Diagnostics, hasColor(io, io.stdout)),
    );
  });
}

function adminUrl(text: string): URL {
  const isPort = /^\d{1,5}$/.test(text);
  const address = parseHostPort(isPort ? `127.0.0.1:${text}` : text);
  if (address !== undefined) {
    const host = address.host.includes(":") ? `[${address.host}]` : address.host;
    return new URL(`http://${host}:${address.port}`);
  }
  throw new CliError(
    ExitCode.usage,
    `--admin ${JSON.stringify(text)} must be a port or "host:port": what admin.port of the proxy says`,
  );
}

/** As people read it. */
export function statusText(seen: Diagnostics, isColored: boolean): string {
  const { registry, routes, failures } = seen;
  const setText = routes.sets.map(({ name, stamp }) => `${name} ${stamp ?? "(an earlier one)"}`);
  const facts = [
    `${stateText(seen)}, version ${seen.version}, process ${seen.pid}${workerText(seen)}, up for ${Math.round(seen.uptimeMs / 1_000)} s`,
    ...registry.map(
      ({ namespace, nodeId }) =>
        `registry: ${nodeId === null ? "not connected" : `node ${nodeId}`}, namespace ${namespace}`,
    ),
    `routes: ${routes.own.length} own, ${routes.sets.length} sets${setText.length > 0 ? `: ${setText.join(", ")}` : ""}`,
    ...routes.refusals.map(({ name, reason }) => `refused: ${name}: ${reason}`),
    ...seen.tcp.map(
      ({ port, services, connectionCount }) =>
        `tcp port ${port}: ${services.join(", ")}, ${connectionCount} open`,
    ),
    `in work: ${seen.activeCount}, callers' connections: ${seen.connections.http1} HTTP/1.1, ${seen.connections.http2} HTTP/2`,
  ].map((line) => `${printable(line)}\n`);
  const services = seen.services.map((service) => serviceText(service, isColored));
  const recent = failures.recent.slice(0, SHOWN_FAILURE_COUNT);
  const failureTable = formatTable(
    recent,
    [
      { title: "FAILED AT", text: (row) => row.at },
      { title: "SERVICE", text: (row) => row.service },
      { title: "INSTANCE", text: (row) => row.instanceId || "-" },
      { title: "REASON", text: (row) => row.reason },
      { title: "WHAT", text: (row) => row.detail },
    ],
    isColored,
  );
  const failureText = recent.length === 0 ? "" : `\n${failureTable}`;
  return [...facts, ...services, `\nfailures: ${failures.count}\n`, failureText].join("");
}

function stateText({ isDraining, unreadyReason }: Diagnostics): string {
  if (isDraining) return "draining";
  return unreadyReason === null ? "ready" : `not ready (${unreadyReason})`;
}

function workerText({ worker }: Diagnostics): string {
  return worker === null ? "" : `, worker ${worker}`;
}

function serviceText(service: ServiceDiagnostics, isColored: boolean): string {
  const { view, namespace } = service;
  const age = view.isCurrent ? "current" : `${Math.round((view.ageMs ?? 0) / 1_000)} s old`;
  const said = [
    view.isComplete ? `view ${view.ageMs === null ? "of unknown age" : age}` : "view not complete",
    ...(service.policy === null ? [] : [service.policy]),
    ...(service.filter === null ? [] : [JSON.stringify(service.filter)]),
    ...(service.breaker === "tripped" ? ["breaker tripped"] : []),
    ...(service.pendingCount > 0 ? [`${service.pendingCount} wait`] : []),
    `${service.retriesLeftCount} retries left`,
    ...(service.omittedCount > 0 ? [`${service.omittedCount} not shown`] : []),
  ];
  const name = namespace === "" ? service.service : `${namespace}/${service.service}`;
  const head = printable(`${name}: ${said.join(", ")}`);
  if (service.instances.length === 0) return `\n${head}\n  no instance\n`;
  return `\n${head}\n${instanceTable(service.instances, isColored)}`;
}

function instanceTable(instances: readonly InstanceDiagnostics[], isColored: boolean): string {
  const count = (title: string, read: (row: InstanceDiagnostics) => number | null) => ({
    ...{ title, isNumber: true },
    text: (row: InstanceDiagnostics) => numberText(read(row)),
  });
  return formatTable(
    instances,
    [
      { title: "INSTANCE", text: (row) => row.id },
      { title: "STATE", text: whereabouts, color: stateColor },
      { title: "PLACE", text: (row) => [row.region, row.zone].filter(Boolean).join("/") || "-" },
      count("SHARE %", (row) => row.callRatio * 100),
      count("IN FLIGHT", (row) => row.activeCount),
      count("CALLS", (row) => row.endedCount),
      count("FAILED", (row) => row.failedCount),
      count("EWMA MS", (row) => row.latencyMs),
      count("P50 MS", (row) => row.latencyP50Ms),
      count("P99 MS", (row) => row.latencyP99Ms),
    ],
    isColored,
  );
}

/** One word or two on whether it gets calls. */
function whereabouts({ state, liveness, ejection, slowStartRatio }: InstanceDiagnostics): string {
  if (state !== "up") return state;
  if (ejection !== null) {
    return `ejected for ${Math.ceil(ejection.remainingMs / 1_000)} s: ${ejection.reason}`;
  }
  if (liveness !== "alive") return liveness;
  return slowStartRatio < 1 ? `up, slow start ${Math.round(slowStartRatio * 100)} %` : "up";
}

function stateColor({ state, liveness, ejection }: InstanceDiagnostics): Color {
  if (state !== "up") return "dim";
  if (ejection !== null) return "red";
  return liveness === "alive" ? "green" : "yellow";
}

function numberText(value: number | null): string {
  if (value === null) return "-";
  return Number.isInteger(value) || value >= 100 ? value.toFixed(0) : value.toFixed(1);
}
