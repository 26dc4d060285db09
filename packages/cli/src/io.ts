/** What a command may touch of the outside; given to it, so that tests need no process. */
import { readFileSync, statSync } from "node:fs";
import { CliError } from "./cli-error.js";
import { ExitCode } from "./exit-code.js";

export interface Output {
  /** Text as given: add the line's end. */
  write(text: string): void;
  readonly isTerminal: boolean;
  /** Columns, when it is a terminal. */
  readonly columnCount: number | undefined;
}

export interface Io {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdout: Output;
  readonly stderr: Output;
  /** A whole text file of at most `maxBytes`; refused with {@link CliError}. */
  readFile(path: string, maxBytes: number): string;
  /** Ends when the user wants the command to end (SIGINT, SIGTERM). */
  readonly interrupted: () => AbortSignal;
}

/** The real process. */
export function processIo(): Io {
  return {
    environment: process.env,
    stdout: toOutput(process.stdout),
    stderr: toOutput(process.stderr),
    readFile: readTextFile,
    interrupted: () => {
      const controller = new AbortController();
      for (const signal of ["SIGINT", "SIGTERM"] as const) {
        process.once(signal, () => controller.abort(signal));
      }
      return controller.signal;
    },
  };
}

/** True when colour is welcome: a terminal, and no wish against it (https://no-color.org). */
export function hasColor(io: Io, output: Output): boolean {
  const { NO_COLOR: noColor, TERM: term } = io.environment;
  return output.isTerminal && (noColor === undefined || noColor === "") && term !== "dumb";
}

function toOutput(stream: NodeJS.WriteStream): Output {
  return {
    write: (text) => void stream.write(text),
    isTerminal: stream.isTTY === true,
    columnCount: stream.isTTY ? stream.columns : undefined,
  };
}

function readTextFile(path: string, maxBytes: number): string {
  try {
    const { size } = statSync(path);
    if (size <= maxBytes) return readFileSync(path, "utf8");
    throw new CliError(ExitCode.usage, `${path} has ${size} bytes; it must have <= ${maxBytes}`);
  } catch (error) {
    if (error instanceof CliError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? "there is no such file" : message;
    throw new CliError(ExitCode.usage, `cannot read ${path}: ${reason}`, { cause: error });
  }
}
