// Installs and builds when needed, then plays histories of faults: see docs/reliability.md.
import { bootstrap } from "./bootstrap.mjs";

await bootstrap();
const { main } = await import("../packages/sim/dist/hunt/main.js");
process.exitCode = await main(process.argv.slice(2));
