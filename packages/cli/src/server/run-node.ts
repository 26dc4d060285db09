/** One server in this process, from its start to the end of the process. */
import type { Logger, NodeServerOptions, RunningServer, ServerOptions } from "@fpzk/server";
import { CliError } from "../cli-error.js";
import { ExitCode } from "../exit-code.js";
import { onStopSignals, SIGNAL_EXIT_CODE } from "../stop-signals.js";

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
  const { startServer } = await import("@fpzk/server");
  try {
    return await startServer({ onFatal: (error) => endNow(error, options.logger), ...options });
  } catch (error) {
    throw startError(error, options.node);
  }
}

/** A broken invariant of FPZK itself: nothing of this process can be trusted to end well. */
function endNow(error: Error, logger: Logger): never {
  logger.error("server.fatal", { error: error.stack ?? error.message });
  process.exit(ExitCode.failed);
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
