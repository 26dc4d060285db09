// Installs and builds when needed, then plays histories of faults: see docs/reliability.md.
import { parseArgs } from "node:util";
import { bootstrap } from "./bootstrap.mjs";

await bootstrap();
const args = process.argv.slice(2);
if (args.includes("--page")) await showPage();
else {
  const { main } = await import("../packages/sim/dist/hunt/main.js");
  process.exitCode = await main(args);
}

/** Serves the simulator's page until Ctrl-C; with `--seed N`, its address is that of the history. */
async function showPage() {
  const { servePage, SIMULATOR_PORT } = await import("../packages/sim-page/dist/node/index.js");
  const options = {
    page: { type: "boolean" },
    seed: { type: "string" },
    strikes: { type: "string" },
  };
  const { seed, strikes } = parseArgs({ args, options }).values;
  const { url } = await servePage(SIMULATOR_PORT);
  const show = seed === undefined ? "" : `#seed=${seed}${strikes ? `&strikes=${strikes}` : ""}`;
  console.log(`${url}${show}`);
}
