/** `fpzk register … -- COMMAND`: a program that knows nothing of FPZK becomes an instance. */
import type { ConnectOptions, Registration } from "@fpzk/client";
import { METADATA_COUNT_MAX, WEIGHT_DEFAULT, WEIGHT_MAX } from "@fpzk/core";
import { type Command, Option } from "commander";
import { CliError } from "../cli-error.js";
import type { ConfigureCommand } from "../command.js";
import { formatHostPort } from "../config/address.js";
import { formatDurationMs, parseDurationMs } from "../config/duration.js";
import { ExitCode } from "../exit-code.js";
import { startChild } from "../register/child.js";
import type { Probe } from "../register/readiness.js";
import { RegisteredCommand } from "../register/registered-command.js";
import { addClientOptions, type ClientSettings, clientSettings } from "../rest/client-options.js";

interface RegisterOptions {
  readonly service?: string;
  readonly port?: string;
  readonly host?: string;
  readonly protocol?: string;
  readonly id?: string;
  readonly group?: string;
  readonly versionTag?: string;
  readonly weight?: string;
  readonly region?: string;
  readonly zone?: string;
  readonly regionOnly?: boolean;
  readonly metadata?: readonly string[];
  readonly health?: string;
  readonly readyTimeout: string;
  readonly drainTimeout: string;
  readonly linger: string;
  readonly stopTimeout: string;
}

const TIMEOUT_MAX_MS = 3_600_000;

export const configure: ConfigureCommand = (command, io, setExitCode) => {
  addRegisterOptions(addClientOptions(command))
    .argument("<command...>", 'the command and its arguments, after "--"')
    .passThroughOptions()
    .addHelpText(
      "after",
      `
Starts the command, waits until its port accepts connections (or the health URL answers 2xx),
registers it, and deregisters it when it ends; then ends with the command's exit code (128+n when
a signal ended it). On SIGTERM it first drains: callers stop calling; after --linger, for requests
that were on their way, the command gets the signal. SIGINT and SIGHUP are passed on at once. PORT is set for the command unless it is already.

Examples:
  fpzk register --service hello --port 8080 -- python3 -m http.server 8080
  fpzk register --service shop --port 3000 --health /healthz --metadata lane=blue -- node shop.js
  fpzk register --service db --port 5432 --protocol tcp --server us-1:7100,us-2:7100 -- ./db
`,
    )
    .action(async (words: string[], options: RegisterOptions) => {
      const settings = clientSettings(command, io);
      const { registration, probe, timeouts } = readOptions(options);
      const [name = "", ...args] = words;
      const { connect } = await import("@fpzk/client");
      const port = String(registration.endpoints[0]?.port ?? "");
      const registered = new RegisteredCommand({
        child: startChild(name, args, { PORT: port, ...io.environment }),
        connect: (signal) => connect(connectOptions(settings, options, timeouts, signal)),
        registration,
        probe,
        ...timeouts,
        sharesTerminal: process.stdin.isTTY === true,
        say: (text) => io.stderr.write(`fpzk: ${text}\n`),
      });
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
        process.on(signal, () => registered.signal(signal));
      }
      setExitCode(await registered.run());
    });
};

function addRegisterOptions(command: Command): Command {
  const metadata = new Option("--metadata <k=v>", "an entry of metadata; may be repeated");
  return command
    .option("--service <name>", "service that the command offers")
    .option("--port <n>", "port that it listens on")
    .option(
      "--host <host>",
      "address that others reach it at (default: found by the registry client)",
    )
    .option("--protocol <name>", "what it speaks: http, grpc, tcp, … (default http)")
    .option("--id <id>", "id of the instance (default host:port)")
    .option("--group <name>", "a set within the service, for example a lane")
    .option("--version-tag <tag>", "version of the program")
    .option("--weight <n>", `share of load, 0 to ${WEIGHT_MAX} (default ${WEIGHT_DEFAULT})`)
    .option("--region <name>", "region that it runs in")
    .option("--zone <name>", "zone that it runs in")
    .option("--region-only", "keep it from other regions")
    .addOption(metadata.argParser((text: string, before?: string[]) => [...(before ?? []), text]))
    .option("--health <url>", "URL, or path on its port, that answers 2xx when it is ready")
    .option("--ready-timeout <duration>", "longest wait until it is ready", "60s")
    .option("--drain-timeout <duration>", "longest wait for callers to stop calling", "10s")
    .option("--linger <duration>", "from then until the command gets the signal", "1s")
    .option("--stop-timeout <duration>", "from the signal until it is killed", "30s");
}

/** Everything checked at once. */
function readOptions(options: RegisterOptions) {
  const faults: string[] = [];
  const { service } = options;
  if (!service) faults.push("--service NAME is missing");
  const port = wholeNumber("--port", options.port, { min: 1, max: 65_535 }, faults);
  if (options.port === undefined) faults.push("--port N is missing: where the command listens");
  const weight = wholeNumber("--weight", options.weight, { min: 0, max: WEIGHT_MAX }, faults);
  const metadata = readMetadata(options.metadata ?? [], faults);
  const probe = readProbe(options, port ?? 0, faults);
  const timeouts = {
    readyTimeoutMs: timeoutMs("--ready-timeout", options.readyTimeout, faults),
    drainTimeoutMs: timeoutMs("--drain-timeout", options.drainTimeout, faults),
    lingerMs: timeoutMs("--linger", options.linger, faults),
    stopTimeoutMs: timeoutMs("--stop-timeout", options.stopTimeout, faults),
  };
  if (faults.length > 0) throw new CliError(ExitCode.usage, faults.join("\nfpzk: "));
  const registration: Registration = {
    service: service ?? "",
    endpoints: [
      {
        port: port ?? 0,
        ...defined("host", options.host),
        ...defined("protocol", options.protocol),
      },
    ],
    metadata,
    visibility: options.regionOnly ? "region" : "global",
    ...defined("id", options.id),
    ...defined("group", options.group),
    ...defined("version", options.versionTag),
    ...defined("weight", weight),
  };
  return { registration, probe, timeouts };
}

function wholeNumber(
  flag: string,
  text: string | undefined,
  bounds: { readonly min: number; readonly max: number },
  faults: string[],
): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= bounds.min && value <= bounds.max) return value;
  faults.push(
    `${flag} ${JSON.stringify(text)} must be a whole number, ${bounds.min} to ${bounds.max}`,
  );
  return undefined;
}

function readMetadata(entries: readonly string[], faults: string[]): Record<string, string> {
  const metadata = new Map<string, string>();
  for (const entry of entries) {
    const at = entry.indexOf("=");
    if (at < 1) faults.push(`--metadata ${JSON.stringify(entry)} must be name=value`);
    else metadata.set(entry.slice(0, at), entry.slice(at + 1));
  }
  if (metadata.size > METADATA_COUNT_MAX) {
    faults.push(`--metadata is given ${metadata.size} times, at most ${METADATA_COUNT_MAX} count`);
  }
  return Object.fromEntries(metadata);
}

function readProbe(options: RegisterOptions, port: number, faults: string[]): Probe {
  const { health, host = "127.0.0.1" } = options;
  if (health === undefined) return { type: "tcp", host, port };
  const base = `http://${formatHostPort({ host, port })}`;
  const isUrl = /^https?:\/\//.test(health) || health.startsWith("/");
  if (isUrl && URL.canParse(health, base)) return { type: "http", url: new URL(health, base) };
  if (port > 0) {
    faults.push(`--health ${JSON.stringify(health)} must be "/path" or "http://host:port/path"`);
  }
  return { type: "tcp", host, port };
}

function timeoutMs(flag: string, text: string, faults: string[]): number {
  const parsed = parseDurationMs(text);
  if (parsed !== undefined && parsed <= TIMEOUT_MAX_MS) return parsed;
  const longest = formatDurationMs(TIMEOUT_MAX_MS);
  faults.push(
    `${flag} ${JSON.stringify(text)} must be a duration such as "10s", at most ${longest}`,
  );
  return 0;
}

function connectOptions(
  settings: ClientSettings,
  options: RegisterOptions,
  timeouts: { readonly drainTimeoutMs: number },
  signal: AbortSignal,
): ConnectOptions {
  const [first] = settings.targets;
  const isSecure = first?.baseUrl.protocol === "https:";
  return {
    servers: settings.targets.map(({ baseUrl }) => {
      const portDefault = baseUrl.protocol === "https:" ? "443" : "80";
      return `${baseUrl.hostname}:${baseUrl.port || portDefault}`;
    }),
    namespace: settings.namespace,
    drainTimeoutMs: timeouts.drainTimeoutMs,
    signal,
    ...defined("token", first?.token),
    ...defined("region", options.region),
    ...defined("zone", options.zone),
    ...(isSecure ? { tls: { ...defined("caFile", first?.caFile) } } : {}),
  };
}

/** `{ [name]: value }`, or nothing when it is undefined. */
function defined<K extends string, V>(name: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [name]: value } as Record<K, V>);
}
