/** `fpzk proxy`: runs a reverse proxy that finds its instances in the registry. */
import type { FpzkClient } from "@fpzk/client";
import { CliError } from "../cli-error.js";
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

interface RunningProxy {
  readonly url: string;
  readonly adminPort: number | undefined;
  close(options?: { drainMs?: number }): Promise<void>;
}

interface ProxyModule {
  readonly startProxy?: (options: unknown) => Promise<RunningProxy>;
  readonly directoryFromClient?: (
    client: FpzkClient,
    byNamespace: ReadonlyMap<string, FpzkClient>,
  ) => unknown;
}

async function serve(config: ProxyConfig, io: Io): Promise<number> {
  const files = readPemFiles(config, io);
  const form = logForm(config.log, io);
  const logger = await createLogger(form, config.logLevel, io, {});
  const { startProxy, directoryFromClient } = (await import("@fpzk/proxy")) as ProxyModule;
  if (startProxy === undefined || directoryFromClient === undefined) {
    throw new CliError(ExitCode.failed, "this build has no proxy");
  }
  const clients = await connectClients(config, logger);
  const proxy = await startProxy({
    ...toProxyOptions(config),
    ...files,
    directory: directoryFromClient(clients.main, clients.byNamespace),
    logger,
    ...(config.accessLog === "off" ? {} : { accessLog: jsonAccessLog(io) }),
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

function jsonAccessLog(io: Io) {
  return {
    write: (entry: object) => {
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
