#!/usr/bin/env node
/** The `fpzk` binary. */
import { processIo } from "./io.js";
import { run } from "./run.js";

// A reader that went away (`fpzk services | head`) is the end of the work, not a fault.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? 0 : 1);
});

const exitCode = await run(process.argv.slice(2), processIo());
// Ends also when something is left open, but not before everything is written.
process.stdout.write("", () => process.stderr.write("", () => process.exit(exitCode)));
