/** Loaded before a server's program: ends it when the demo dies without ending it. */
process.on("disconnect", () => process.kill(process.pid, "SIGTERM"));
