/** `node http-load-program.js LOAD`: runs one load and prints its result, both as JSON. */
import { type HttpLoad, httpLoad } from "./http-load.js";

const load = JSON.parse(process.argv[2] ?? "{}") as HttpLoad;
process.stdout.write(JSON.stringify(await httpLoad(load)), () => process.exit());
