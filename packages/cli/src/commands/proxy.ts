/** `fpzk proxy`: runs a reverse proxy that finds its instances in the registry. */
import type { FpzkClient } from "@fpzk/client";
import type { AccessLog, RunningProxy } from "@fpzk/proxy";
import type { ConfigureCommand } from "../command.js";
import { addConfigFlags, loadConfig } from "../config/load-config.js";
import { type ProxyConfig, proxyConfigKind, toProxyOptions } from "../config/proxy-config.js";
import { ExitCode } from "../exit-code.js";
import { hasColor, type Io } from "../io.js";
import { connectClients, readPemFiles } from "../proxy/proxy-parts.js";
import { createLogger, logForm } from "../server/log.js";
import { onStopSignals, SIGNAL_EXIT_CODE } from "../server/stop-signals.js";
import { paint } from "../text-table.js";

export const configure: ConfigureCommand = (command, io, setExitCode) => {
  addConfigFlags(command, proxyConfigKind);
  command
    .addHelpText(
      "after",
      `
Every setting can also come from the environment or a YAML file: see docs/configuration.md.
SIGTERM and SIGINT end it well: requests in work are finished. A second one ends it at once.

Examples:
  fpzk proxy --dynamic                     http://127.0.0.1:7180/hello/… reaches service hello
  fpzk proxy --config proxy.yaml           routes from a file
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
  const files = readPemFiles(config, io);
  const form = logForm(config.log, io);
  const logger = await createLogger(form, config.logLevel, io, {});
  const { startProxy, directoryFromClient } = await import("@fpzk/proxy");
  const clients = await connectClients(config, logger);
  const proxy = await startProxy({
    ...toProxyOptions(config),
    ...files,
    directory: directoryFromClient(clients.main, clients.byNamespace),
    logger,
    ...(config.accessLog === "off" ? {} : { accessLog: jsonAccessLog(io) }),
  });
  await proxy.ready({ timeoutMs: READY_TIMEOUT_MS }).catch((error: unknown) => {
    logger.warn("proxy.views_incomplete", { error: String(error) });
  });
  if (form === "json") logger.info("proxy.ready", { url: proxy.url, adminPort: proxy.adminPort });
  else io.stdout.write(welcomeText(config, proxy, hasColor(io, io.stdout)));
  return new Promise((resolve) => {
    onStopSignals(
      (signal) => {
        logger.info("proxy.stopping", { signal });
        void end(proxy, clients.all, config.drainTimeout).then(resolve, () =>
          resolve(ExitCode.failed),
        );
      },
      (signal) => process.exit(SIGNAL_EXIT_CODE[signal]),
    );
  });
}

async function end(
  proxy: RunningProxy,
  clients: readonly FpzkClient[],
  drainMs: number,
): Promise<number> {
  await proxy.close({ drainMs });
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

function welcomeText(config: ProxyConfig, proxy: RunningProxy, isColored: boolean): string {
  const head = `FPZKProxy is ready at ${proxy.url}`;
  const example = config.routes[0]?.pathPrefix ?? "/SERVICE/";
  const admin = config.admin.host.includes(":") ? `[${config.admin.host}]` : config.admin.host;
  const lines = [
    paint(head, isColored ? "green" : undefined),
    `  ${config.routes.length} routes${config.dynamic ? ", and every service by /SERVICE/" : ""}`,
    ...(proxy.adminPort === undefined
      ? []
      : [`  admin http://${admin}:${proxy.adminPort}/metrics`]),
    "",
    `  try   curl ${proxy.url}${example}`,
    "  stop  Ctrl-C",
    "",
  ];
  return `${lines.join("\n")}\n`;
}
