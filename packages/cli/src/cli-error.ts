/** An end of a command that is no success: a message for people and an exit code for programs. */
import { isRegistryError } from "@fpzk/core";
import { ExitCode, exitCodeOf } from "./exit-code.js";

export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: number;

  constructor(exitCode: number, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Exit code and message of whatever a command threw. */
export function describeFailure(error: unknown): { exitCode: number; message: string } {
  if (error instanceof CliError) return { exitCode: error.exitCode, message: error.message };
  if (isRegistryError(error)) return { exitCode: exitCodeOf(error.code), message: error.message };
  const message = error instanceof Error ? unexpectedText(error) : String(error);
  return { exitCode: ExitCode.failed, message };
}

/** What the system says (a code) speaks for itself; anything else is a fault of ours to be found. */
function unexpectedText(error: Error): string {
  const isOfSystem = typeof (error as NodeJS.ErrnoException).code === "string";
  return isOfSystem ? error.message : (error.stack ?? error.message);
}
