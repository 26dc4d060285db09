/**
 * Loaded into a server under test, before anything else.
 *
 * - Ends the server when the harness is gone.
 * - Its wall clock (and only that) is off by what `FAULTS_CLOCK_FILE` says, in ms; on SIGUSR2 it
 *   jumps to what the file says then.
 */
import { existsSync, readFileSync } from "node:fs";

const PARENT_CHECK_INTERVAL_MS = 1_000;
const parentPid = process.ppid;
setInterval(() => {
  if (process.ppid !== parentPid) process.kill(process.pid, "SIGKILL");
}, PARENT_CHECK_INTERVAL_MS).unref();

const { FAULTS_CLOCK_FILE: clockFile } = process.env;
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
    shiftMs = readShift();
  });
}
