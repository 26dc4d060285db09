/** The demo as a user runs it: real processes, calls that succeed, and nothing left behind. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const DEMO_FILE = fileURLToPath(new URL("../../examples/dist/demo/main.js", import.meta.url));

interface DemoResult {
  readonly servers: readonly {
    readonly isAnswering: boolean;
    readonly nodeCount: number;
    readonly serviceCount: number;
    readonly instanceCount: number;
  }[];
  readonly callCount: number;
  readonly failureCount: number;
  readonly proxiedCallCount: number;
  readonly proxiedFailureCount: number;
  readonly propagation: readonly { pair: string; wireMs: number; meanMs?: number }[];
  readonly endedUnexpectedly: readonly string[];
  readonly pids: readonly number[];
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

it("runs three regions, calls across them, and ends everything", async () => {
  const demo = spawn(process.execPath, [DEMO_FILE, "--seconds", "10", "--json"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let notes = "";
  demo.stdout.on("data", (chunk) => {
    output += String(chunk);
  });
  demo.stderr.on("data", (chunk) => {
    notes += String(chunk);
  });
  const [exitCode] = (await once(demo, "close")) as [number];
  assert.equal(exitCode, 0, notes);
  const result = JSON.parse(output) as DemoResult;
  for (const server of result.servers) {
    const { isAnswering, nodeCount, serviceCount, instanceCount } = server;
    assert.deepEqual([isAnswering, nodeCount, serviceCount, instanceCount], [true, 6, 2, 12]);
  }
  assert.ok(result.callCount > 0 && result.proxiedCallCount > 0, notes);
  assert.equal(result.failureCount + result.proxiedFailureCount, 0, notes);
  assert.deepEqual(result.endedUnexpectedly, []);
  for (const { pair, wireMs, meanMs } of result.propagation) {
    if (wireMs > 0) assert.ok((meanMs ?? 0) >= wireMs, `${pair}: ${meanMs}`);
  }
  assert.equal(result.pids.length, 21);
  assert.deepEqual(result.pids.filter(isRunning), []);
});

it("leaves nothing running when it is killed", async () => {
  const folder = await mkdtemp(join(tmpdir(), "fpzk-demo-test-"));
  const demo = spawn(process.execPath, [DEMO_FILE], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, TMPDIR: folder },
  });
  let output = "";
  while (!output.includes("Ctrl-C stops everything")) {
    const [chunk] = (await once(demo.stdout, "data")) as [Buffer];
    output += String(chunk);
  }
  const pids = [...output.matchAll(/kill -9 (\d+)/g)].map(([, pid]) => Number(pid));
  assert.equal(pids.filter(isRunning).length, 2, "an instance and a server");
  demo.kill("SIGKILL");
  while (pids.some(isRunning)) await sleep(50);
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
});

it("ends everything on SIGINT, also while it starts", async () => {
  const demo = spawn(process.execPath, [DEMO_FILE, "--json"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const closed = once(demo, "close") as Promise<[number]>;
  let output = "";
  demo.stdout.on("data", (chunk) => {
    output += String(chunk);
  });
  let notes = "";
  while (!notes.includes("starting instances")) {
    const [chunk] = (await once(demo.stderr, "data")) as [Buffer];
    notes += String(chunk);
  }
  demo.kill("SIGINT");
  demo.stderr.resume();
  const [exitCode] = await closed;
  assert.equal(exitCode, 0);
  const { readyMs, pids } = JSON.parse(output) as { readyMs: null; pids: number[] };
  assert.equal(readyMs, null);
  assert.ok(pids.length >= 6, `${pids.length} processes had been started`);
  assert.deepEqual(pids.filter(isRunning), []);
});
