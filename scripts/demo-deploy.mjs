// Installs and builds when needed, then deploys everything again and again under load: docs/deploys.md.
import { bootstrap } from "./bootstrap.mjs";

await bootstrap();
const { main } = await import("../test/dist/deploys/run.js");
// Everything is closed by now; a wire that is still busy must not keep the process.
process.exit(await main(process.argv.slice(2)));
