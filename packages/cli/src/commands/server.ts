/** `fpzk server`: runs one registry server, or several behind one port. */
import cluster from "node:cluster";
import type { ServerOptions } from "@fpzk/server";
import type { ConfigureCommand } from "../command.js";
import { addConfigFlags, loadConfig } from "../config/load-config.js";
import { readSecretFiles } from "../config/secret-file.js";
import {
  type ServerConfig,
  serverConfigKind,
  toClusterOptions,
  toNodeOptions,
} from "../config/server-config.js";
import { hasColor, type Io } from "../io.js";
import { createLogger, logForm } from "../server/log.js";
import { runNode, runWorkerNode } from "../server/run-node.js";
import { runWorkers } from "../server/run-workers.js";
import { welcomeText } from "../server/welcome.js";
import {
  parseWorkerPlace,
  toWorkerOptions,
  WORKER_ENVIRONMENT_NAME,
} from "../server/worker-plan.js";

export const configure: ConfigureCommand = (command, io, setExitCode) => {
  addConfigFlags(command, serverConfigKind);
  command
    .addHelpText(
      "after",
      `
Every setting can also come from the environment or a YAML file: see docs/configuration.md.
SIGTERM and SIGINT end it well; a second one ends it at once.

Examples:
  fpzk server                              one node on 127.0.0.1:7100
  fpzk server --config us.yaml             settings from a file
  fpzk server -c us.yaml --workers 4       four nodes behind one port
  FPZK_REGION=eu fpzk server -c all.yaml   the environment wins over the file
`,
    )
    .action(async () => {
      const { config } = loadConfig(serverConfigKind, command, io);
      setExitCode(await serve(config, io));
    });
};

async function serve(config: ServerConfig, io: Io): Promise<number> {
  const secrets = readSecretFiles(config, io);
  const clusterOptions = toClusterOptions(config);
  const node = toNodeOptions(config, secrets);
  const form = logForm(config.log, io);
  if (cluster.isWorker) {
    const place = parseWorkerPlace(io.environment[WORKER_ENVIRONMENT_NAME] ?? "");
    const logger = await createLogger(form, config.logLevel, io, { worker: place.number });
    return runWorkerNode({ cluster: clusterOptions, node: toWorkerOptions(node, place), logger });
  }
  const logger = await createLogger(form, config.logLevel, io, {});
  const greet = (nodeIds: readonly string[], address: string) => {
    if (form === "json") {
      logger.info("server.ready", { nodeIds: nodeIds.join(" "), address, region: config.region });
      return;
    }
    const asksForTokens = node.staticTokens.length > 0 || node.tokenKey !== undefined;
    const isColored = hasColor(io, io.stdout);
    io.stdout.write(welcomeText({ nodeIds, address, config, asksForTokens, isColored }));
  };
  if (config.workers > 1) {
    return runWorkers({ workerCount: config.workers, node, logger, onReady: greet });
  }
  const options: ServerOptions = { cluster: clusterOptions, node, logger };
  return runNode(options, (server) => greet([server.nodeId], server.address));
}
