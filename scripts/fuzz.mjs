// Installs and builds when needed, then fuzzes every decoder and endpoint: see docs/reliability.md.
import { bootstrap } from "./bootstrap.mjs";

await bootstrap();
const { main } = await import("../packages/fuzz/dist/main.js");
process.exitCode = await main(process.argv.slice(2));
