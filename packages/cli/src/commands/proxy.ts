/** `fpzk proxy`: runs a reverse proxy that finds its instances in the registry. */
import cluster from "node:cluster";
import type { FpzkClient } from "@fpzk/client";
import type { AccessLog, RunningProxy } from "@fpzk/proxy";
import type { Logger } from "@fpzk/server";
import type { ConfigureCommand } from "../command.js";
import { addConfigFlags, loadConfig } from "../config/load-config.js";
import {
  type ProxyConfig,
  proxyConfigKind,
  toBalancing,
  toProxyOptions,
} from "../config/proxy-config.js";
import { ExitCode } from "../exit-code.js";
import { hasColor, type Io } from "../io.js";
import { connectClients, readPemFiles, watchPemFiles } from "../proxy/proxy-parts.js";
import { addStatus } from "../proxy/proxy-status.js";
import {
  PROXY_WORKER_NUMBER,
  type ProxyPrimaryMessage,
  type ProxyWorkerMessage,
  runProxyWorkers,
} from "../proxy/proxy-workers.js";
import { createLogger, logForm } from "../server/log.js";
import { onStopSignals, SIGNAL_EXIT_CODE } from "../stop-signals.js";
import { paint } from "../text-table.js";

export const configure: ConfigureCommand = (command, io, setExitCode) => {
  addConfigFlags(command, proxyConfigKind);
  addStatus(command, io);
  command
    .addHelpText(
      "after",
      `
Every setting can also come from the environment or a YAML file: see docs/configuration.md.
SIGTERM and SIGINT end it well: requests in work are finished. A second one ends it at once.
With --workers, SIGHUP starts new processes with the settings and the program as they are by then,
and ends the old ones well: no connection is refused or cut meanwhile.

Examples:
  fpzk proxy --dynamic                     http://127.0.0.1:7180/hello/… reaches service hello
  fpzk proxy --config proxy.yaml           routes from a file
  fpzk proxy status --admin 7190           what the proxy with this admin port sees and does
`,
    )
    .action(async () => {
      const { config } = loadConfig(proxyConfigKind, command, io);
      setExitCode(await serve(config, io));
    });
};

/** For the views of all routes; after it, requests for those still unknown are 503. */
const READY_TIMEOUT_MS = 5_000;

async function serve(config: ProxyConfig, io: Io): Promise<number> {
  const form = logForm(config.log, io);
  const number = cluster.isWorker ? Number(io.environment[PROXY_WORKER_NUMBER]) : undefined;
  const fields = number === undefined ? {} : { worker: number };
  const logger = await createLogger(form, config.logLevel, io, fields);
  if (config.workers !== undefined && number === undefined) {
    // What is wrong with the files is told once, before there are workers.
    readPemFiles(config, io);
    return runProxyWorkers({
      workerCount: config.workers,
      drainTimeoutMs: config.drainTimeout,
      logger,
      onReady: (url) => {
        if (form === "json") logger.info("proxy.ready", { url, workerCount: config.workers });
        else io.stdout.write(welcomeText(config, { url }, hasColor(io, io.stdout)));
      },
    });
  }
  const { proxy, clients } = await start(config, io, logger, number);
  if (number !== undefined) return runAsWorker(proxy, clients.all, config.drainTimeout);
  if (form === "json") logger.info("proxy.ready", { url: proxy.url, adminPort: proxy.adminPort });
  else io.stdout.write(welcomeText(config, proxy, hasColor(io, io.stdout)));
  return new Promise((resolve) => {
    onStopSignals(
      (signal) => {
        logger.info("proxy.stopping", { signal });
        void end(proxy, clients.all, config.drainTimeout).then(resolve);
      },
      (signal) => process.exit(SIGNAL_EXIT_CODE[signal]),
    );
  });
}

/** Resolves when the views of all routes are known, or the wait for them is over. */
async function start(config: ProxyConfig, io: Io, logger: Logger, number: number | undefined) {
  const files = readPemFiles(config, io);
  const options = toProxyOptions(config);
  const { admin } = options;
  // Each worker has an admin port of its own; generations share it.
  const ownAdmin =
    admin === undefined || admin.port === 0 || number === undefined
      ? admin
      : { ...admin, port: admin.port + number - 1 };
  const { startProxy, directoryFromClient } = await import("@fpzk/proxy");
  const clients = await connectClients(config, logger);
  const proxy = await startProxy({
    ...options,
    ...(ownAdmin === undefined ? {} : { admin: ownAdmin }),
    ...(number === undefined ? {} : { worker: number }),
    ...files,
    directory: directoryFromClient(clients.main, {
      byNamespace: clients.byNamespace,
      balancing: toBalancing(config),
    }),
    logger,
    ...(config.accessLog === "off" ? {} : { accessLog: jsonAccessLog(io) }),
  });
  await proxy.ready({ timeoutMs: READY_TIMEOUT_MS }).catch((error: unknown) => {
    logger.warn("proxy.views_incomplete", { error: String(error) });
  });
  watchPemFiles(config, io, logger, proxy);
  return { proxy, clients };
}

/** The primary speaks, and signals that reach the whole group count once. */
function runAsWorker(
  proxy: RunningProxy,
  clients: readonly FpzkClient[],
  drainMs: number,
): Promise<number> {
  return new Promise((resolve) => {
    let isClosing = false;
    const closeOnce = (): void => {
      if (isClosing) return;
      isClosing = true;
      void end(proxy, clients, drainMs).then(resolve);
    };
    onStopSignals(
      () => {},
      () => {},
    );
    process.on("SIGHUP", () => {});
    process.on("message", (message: ProxyPrimaryMessage) => {
      if (message.type === "exit") process.exit(ExitCode.failed);
      if (message.type === "close") closeOnce();
    });
    process.on("disconnect", closeOnce);
    const ready: ProxyWorkerMessage = { type: "ready", url: proxy.url };
    process.send?.(ready);
  });
}

/** Finishes what is in work; resolves with the exit code. */
async function end(
  proxy: RunningProxy,
  clients: readonly FpzkClient[],
  drainMs: number,
): Promise<number> {
  try {
    await proxy.close({ drainMs });
  } catch {
    return ExitCode.failed;
  }
  await Promise.allSettled(clients.map((client) => client.close()));
  return ExitCode.ok;
}

function jsonAccessLog(io: Io): AccessLog {
  return {
    write: (entry) => {
      io.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), ...entry })}\n`);
    },
  };
}

function welcomeText(
  config: ProxyConfig,
  proxy: Pick<RunningProxy, "url"> & Partial<Pick<RunningProxy, "adminPort">>,
  isColored: boolean,
): string {
  const head = `FPZKProxy is ready at ${proxy.url}`;
  const [first] = config.routes;
  const example = first === undefined ? "/SERVICE/" : (first.path ?? first.pathPrefix ?? "/");
  const admin = config.admin.host.includes(":") ? `[${config.admin.host}]` : config.admin.host;
  const lines = [
    paint(head, isColored ? "green" : undefined),
    `  ${config.routes.length} routes${config.dynamic ? ", and every service by /SERVICE/" : ""}`,
    ...(proxy.adminPort === undefined
      ? []
      : [`  admin http://${admin}:${proxy.adminPort}/ (page), /metrics`]),
    "",
    `  try   curl ${proxy.url}${example}`,
    "  stop  Ctrl-C",
    "",
  ];
  return `${lines.join("\n")}\n`;
}
