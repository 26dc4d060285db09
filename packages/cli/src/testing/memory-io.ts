/** For tests: an {@link Io} that remembers what was written. */
import { CliError } from "../cli-error.js";
import type { Io, Output } from "../io.js";
import { run } from "../run.js";

export interface MemoryIo extends Io {
  readonly written: { stdout: string; stderr: string };
}

export interface MemoryIoOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly isTerminal?: boolean;
  readonly interrupted?: AbortSignal;
  /** Called after each write to standard output, with all of it so far. */
  readonly onOutput?: (written: string) => void;
}

export function memoryIo(options: MemoryIoOptions = {}): MemoryIo {
  const written = { stdout: "", stderr: "" };
  const output = (name: "stdout" | "stderr"): Output => ({
    write: (text) => {
      written[name] += text;
      if (name === "stdout") options.onOutput?.(written.stdout);
    },
    isTerminal: options.isTerminal ?? false,
    columnCount: undefined,
  });
  return {
    written,
    environment: options.environment ?? {},
    stdout: output("stdout"),
    stderr: output("stderr"),
    readFile: (path) => {
      const text = options.files?.[path];
      if (text === undefined) throw new CliError(2, `cannot read ${path}: there is no such file`);
      return text;
    },
    interrupted: () => options.interrupted ?? new AbortController().signal,
  };
}

export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `fpzk` with these words in this process. */
export async function runInMemory(
  args: readonly string[],
  options: MemoryIoOptions = {},
): Promise<RunResult> {
  const io = memoryIo(options);
  const exitCode = await run(args, io);
  return { exitCode, ...io.written };
}
