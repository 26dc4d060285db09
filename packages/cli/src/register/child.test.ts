import assert from "node:assert/strict";
import test from "node:test";
import { startChild } from "./child.js";

/** Runs a script in a process; resolves with its end. */
function run(script: string) {
  return startChild(process.execPath, ["-e", script], process.env).ended;
}

test("the exit code is the command's, 128+n for a signal", async () => {
  assert.deepEqual(await run("process.exit(7)"), { exitCode: 7, startFailure: undefined });
  assert.equal((await run("process.kill(process.pid, 'SIGKILL')")).exitCode, 137);
});

test("a command that is not there is 127, one that cannot be run 126", async () => {
  const missing = await startChild("/nowhere/at-all", [], {}).ended;
  assert.deepEqual(missing, { exitCode: 127, startFailure: "there is no such command" });
  assert.equal((await startChild(import.meta.dirname, [], {}).ended).exitCode, 126);
});

test("a signal ends the command; after its end it has no effect", async () => {
  const child = startChild(process.execPath, ["-e", "setInterval(() => {}, 1000)"], process.env);
  assert.ok(child.isRunning());
  child.kill("SIGTERM");
  assert.equal((await child.ended).exitCode, 143);
  assert.ok(!child.isRunning());
  child.kill("SIGTERM");
});
