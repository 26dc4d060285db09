/**
 * Foreign programs that tests run. Where one is missing, its tests are skipped by its name, unless
 * REQUIRE_PROGRAMS is set: CI sets it.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import type { TestContext } from "node:test";

/** One that takes longer hangs. */
const TIMEOUT_MS = 30_000;

export interface Ran {
  readonly exitCode: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/**
 * Whether a program is there; skips the test by the program's name where it is not.
 *
 * @throws AssertionError when it is missing and REQUIRE_PROGRAMS is set.
 */
export function hasProgram(t: TestContext, name: string, debianPackage = name): boolean {
  const found = spawnSync("sh", ["-c", `command -v ${name}`], { stdio: "ignore" }).status === 0;
  if (found) return true;
  const hint = `no ${name} here (Debian: apt-get install ${debianPackage})`;
  assert.equal(process.env["REQUIRE_PROGRAMS"] ?? "", "", hint);
  t.skip(hint);
  return false;
}

/** Runs a program to its end. */
export async function run(
  file: string,
  args: readonly string[],
  input: Buffer | string = "",
): Promise<Ran> {
  const child = spawn(file, args, { stdio: ["pipe", "pipe", "pipe"] });
  const timer = setTimeout(() => child.kill("SIGKILL"), TIMEOUT_MS);
  // A program that ends before it has read its input.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const [stdout, stderr] = await Promise.all([all(child.stdout), all(child.stderr), ended(child)]);
  clearTimeout(timer);
  return { exitCode: child.exitCode, stdout, stderr: String(stderr) };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

async function all(stream: AsyncIterable<Buffer> | null): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream ?? []) chunks.push(chunk);
  return Buffer.concat(chunks);
}
