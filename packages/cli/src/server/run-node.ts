/** One server in this process, from its start to the end of the process. */
import type { Logger, NodeServerOptions, ServerOptions } from "@fpzk/server";
import { CliError } from "../cli-error.js";
import { ExitCode } from "../exit-code.js";
import { onStopSignals, SIGNAL_EXIT_CODE } from "./stop-signals.js";

/** What this command needs of a started server. */
export interface RunningServer {
  readonly nodeId: string;
  /** `host:port` as bound. */
  readonly address: string;
  close(): Promise<void>;
}

export type StartServer = (options: ServerOptions) => Promise<RunningServer>;

/** Longest wait for an end that is asked for. */
export const CLOSE_TIMEOUT_MS = 30_000;

/** What a worker and its primary say to each other. */
export type WorkerMessage = {
  readonly type: "ready";
  readonly nodeId: string;
  readonly address: string;
};
export type PrimaryMessage = { readonly type: "close" } | { readonly type: "exit" };

/** Runs until a signal; resolves with the exit code. */
export async function runNode(
  options: ServerOptions,
  onReady: (server: RunningServer) => void,
): Promise<number> {
  const { logger } = options;
  const server = await start(options);
  onReady(server);
  return new Promise((resolve) => {
    onStopSignals(
      (signal) => {
        logger.info("server.stopping", { signal });
        void close(server, logger).then(resolve);
      },
      (signal) => process.exit(SIGNAL_EXIT_CODE[signal]),
    );
  });
}

/** The same as a worker: the primary speaks, and signals that reach the whole group count once. */
export async function runWorkerNode(options: ServerOptions): Promise<number> {
  const server = await start(options);
  return new Promise((resolve) => {
    let isClosing = false;
    const closeOnce = () => {
      if (isClosing) return;
      isClosing = true;
      void close(server, options.logger).then(resolve);
    };
    onStopSignals(closeOnce, () => {});
    process.on("message", (message: PrimaryMessage) => {
      if (message.type === "exit") process.exit(ExitCode.failed);
      if (message.type === "close") closeOnce();
    });
    process.on("disconnect", closeOnce);
    const ready: WorkerMessage = { type: "ready", nodeId: server.nodeId, address: server.address };
    process.send?.(ready);
  });
}

async function start(options: ServerOptions): Promise<RunningServer> {
  const startServer = await loadStartServer();
  try {
    return await startServer(options);
  } catch (error) {
    throw startError(error, options.node);
  }
}

async function loadStartServer(): Promise<StartServer> {
  const { startServer } = (await import("@fpzk/server")) as unknown as {
    startServer?: StartServer;
  };
  if (startServer === undefined) throw new CliError(ExitCode.failed, "this build has no server");
  return startServer;
}

function startError(error: unknown, node: NodeServerOptions): unknown {
  const { code } = error as NodeJS.ErrnoException;
  const where = `${node.host}:${node.port}`;
  if (code === "EADDRINUSE") {
    const advice = "stop the other one, or choose another with --port";
    return new CliError(ExitCode.failed, `${where} is in use by another program; ${advice}`);
  }
  if (code === "EACCES") {
    return new CliError(ExitCode.failed, `this user may not listen on ${where}`);
  }
  if (code === "EADDRNOTAVAIL") {
    return new CliError(ExitCode.usage, `${node.host} is no address of this machine (host)`);
  }
  return error;
}

async function close(server: RunningServer, logger: Logger): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<number>((resolve) => {
    timer = setTimeout(() => {
      logger.error("server.close_late", { timeoutMs: CLOSE_TIMEOUT_MS });
      resolve(ExitCode.failed);
    }, CLOSE_TIMEOUT_MS);
  });
  const closed = server.close().then(
    () => ExitCode.ok as number,
    (error: unknown) => {
      logger.error("server.close_failed", { error: String(error) });
      return ExitCode.failed as number;
    },
  );
  const exitCode = await Promise.race([closed, late]);
  clearTimeout(timer);
  logger.info("server.stopped", {});
  return exitCode;
}
