// Installs and builds when needed, then runs the demo: three regions on this machine.
import { bootstrap } from "./bootstrap.mjs";

await bootstrap();
await import("../examples/dist/demo/main.js");
