import { spawnSync } from "node:child_process";

/** Where results go: lines for people or for programs, and one line of progress. */
export interface Terminal {
  /** Of the sources that are played, with `+` when they have changes. */
  readonly commit: string;
  /** A result: as JSON where that was asked for, else as text. */
  result(data: Readonly<Record<string, unknown>>, text: string): void;
  /** Replaces the line of progress; empty removes it. */
  progress(text: string): void;
}

/** Between two lines of progress where they cannot replace each other. */
const PLAIN_INTERVAL_MS = 15_000;

export function openTerminal(isJson: boolean): Terminal {
  const { stdout, stderr } = process;
  let toldAt = performance.now();
  const clear = () => {
    if (stderr.isTTY) stderr.write("\r\u001b[K");
  };
  return {
    commit: commitOf(),
    result: (data, text) => {
      clear();
      stdout.write(`${isJson ? JSON.stringify(data) : text}\n`);
    },
    progress: (text) => {
      if (stderr.isTTY) {
        stderr.write(`\r\u001b[K${text.slice(0, (stderr.columns ?? 100) - 1)}`);
      } else if (text !== "" && performance.now() >= toldAt + PLAIN_INTERVAL_MS) {
        toldAt = performance.now();
        stderr.write(`${text}\n`);
      }
    },
  };
}

/** A seed means something only together with the sources. */
function commitOf(): string {
  const git = (...args: readonly string[]) => spawnSync("git", args, { encoding: "utf8" });
  const commit = git("rev-parse", "--short", "HEAD");
  if (commit.status !== 0) return "an unknown commit";
  const isClean = git("status", "--porcelain").stdout.trim() === "";
  return `${commit.stdout.trim()}${isClean ? "" : "+"}`;
}
