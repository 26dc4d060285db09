// Installs and builds when needed, then plays faults against real processes: docs/reliability.md.
import { bootstrap } from "./bootstrap.mjs";

await bootstrap();
const { main } = await import("../test/dist/faults/run.js");
process.exitCode = await main(process.argv.slice(2));
