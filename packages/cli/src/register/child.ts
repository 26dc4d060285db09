/** The command that `fpzk register` runs, and how it ended in a shell's terms. */
import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";

export interface Child {
  /** Resolves with the exit code, 128+n for signal n; never rejects. */
  readonly ended: Promise<ChildEnd>;
  readonly isRunning: () => boolean;
  kill(signal: NodeJS.Signals): void;
}

export interface ChildEnd {
  readonly exitCode: number;
  /** Why it could not even start. */
  readonly startFailure: string | undefined;
}

/** As shells have it: the command was found but cannot be run, or was not found. */
const EXIT_NOT_EXECUTABLE = 126;
const EXIT_NOT_FOUND = 127;

/** Starts the command with this process's standard streams and, on a terminal, its Ctrl-C. */
export function startChild(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Child {
  const child: ChildProcess = spawn(command, args, { stdio: "inherit", env: environment });
  let isRunning = true;
  const ended = new Promise<ChildEnd>((resolve) => {
    child.on("error", (error: NodeJS.ErrnoException) => {
      // `error` also tells of a signal that could not be sent.
      if (child.pid !== undefined) return;
      isRunning = false;
      const isMissing = error.code === "ENOENT";
      const startFailure = isMissing ? "there is no such command" : error.message;
      resolve({ exitCode: isMissing ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE, startFailure });
    });
    child.on("exit", (code, signal) => {
      isRunning = false;
      const exitCode = signal === null ? (code ?? 1) : 128 + constants.signals[signal];
      resolve({ exitCode, startFailure: undefined });
    });
  });
  return {
    ended,
    isRunning: () => isRunning,
    kill: (signal) => {
      if (isRunning) child.kill(signal);
    },
  };
}
