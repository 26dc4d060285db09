/**
 * Loaded into a server under test, before anything else.
 *
 * - Ends the server when the harness is gone.
 * - Its wall clock (and only that) is off by what `FAULTS_CLOCK_FILE` says, in ms; on SIGUSR2 it
 *   jumps to what the file says then; if that is `leak`, memory is taken until V8 gives up.
 * - Writes to `FAULTS_STALL_FILE` when it stood still, so that a machine with too much work is told
 *   from a server that failed.
 */
import { existsSync, openSync, readFileSync, writeSync } from "node:fs";

const PARENT_CHECK_INTERVAL_MS = 1_000;
const parentPid = process.ppid;
setInterval(() => {
  if (process.ppid !== parentPid) process.kill(process.pid, "SIGKILL");
}, PARENT_CHECK_INTERVAL_MS).unref();

const LEAK = "leak";
const LEAK_STEP_COUNT = 100_000;
const STALL_CHECK_MS = 200;
const STALL_MIN_MS = 500;
/** Loading the program takes long, and is no stall. */
const LOADING_MS = 5_000;

const { FAULTS_CLOCK_FILE: clockFile, FAULTS_NODE_ID: nodeId } = process.env;
const { FAULTS_STALL_FILE: stallFile } = process.env;
if (stallFile !== undefined) {
  // Opened now: later there may be no file descriptor left.
  const file = openSync(stallFile, "a");
  setTimeout(() => {
    let lastMs = performance.now();
    setInterval(() => {
      const nowMs = performance.now();
      const elapsedMs = Math.round(nowMs - lastMs);
      lastMs = nowMs;
      if (elapsedMs < STALL_MIN_MS) return;
      const at = Number(process.hrtime.bigint() / 100_000n) / 10;
      const line = { type: "stalled", at, process: nodeId, elapsedMs };
      writeSync(file, `${JSON.stringify(line)}\n`);
    }, STALL_CHECK_MS).unref();
  }, LOADING_MS).unref();
}

if (clockFile !== undefined) {
  const realNow = Date.now;
  const RealDate = Date;
  const readShift = () => (existsSync(clockFile) ? Number(readFileSync(clockFile, "utf8")) : 0);
  let shiftMs = readShift();
  class ShiftedDate extends RealDate {
    constructor(...given: [] | [number]) {
      super(given.length === 0 ? realNow() + shiftMs : given[0]);
    }

    static override now(): number {
      return realNow() + shiftMs;
    }
  }
  globalThis.Date = ShiftedDate as DateConstructor;
  process.on("SIGUSR2", () => {
    if (readFileSync(clockFile, "utf8") === LEAK) leak();
    shiftMs = readShift();
  });
}

/** Fills the heap with what nothing can free. */
function leak(): never {
  const held: number[][] = [];
  for (;;) held.push(Array.from({ length: LEAK_STEP_COUNT }, Math.random));
}
