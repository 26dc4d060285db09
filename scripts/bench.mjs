// Installs and builds when needed, then measures: see docs/performance.md.
import { bootstrap } from "./bootstrap.mjs";

await bootstrap();
const { main } = await import("../packages/bench/dist/main.js");
process.exitCode = await main(process.argv.slice(2));
