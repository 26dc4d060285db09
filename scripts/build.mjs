// Installs and builds when needed; the simulator's page, too.
import { relative } from "node:path";
import { bootstrap } from "./bootstrap.mjs";

await bootstrap();
const { buildPage, SITE_FOLDER } = await import("../packages/sim-page/dist/node/index.js");
await buildPage();
console.error(`the simulator's page: ${relative(process.cwd(), SITE_FOLDER)}/index.html`);
