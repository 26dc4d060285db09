// Installs and builds when needed, then breaks instances and a region under load: docs/deploys.md.
import { bootstrap } from "./bootstrap.mjs";

await bootstrap();
const { main } = await import("../test/dist/deploys/run-fault-demo.js");
// Installs and builds when needed, then breaks instances and a region under load: docs/deploys.md.
process.exit(await main(process.argv.slice(2)));
