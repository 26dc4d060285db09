// Makes docs/images/simulator.png: a moment of the simulator's page in a real browser.
import { join } from "node:path";
import { bootstrap } from "./bootstrap.mjs";

/** A drain: the change is still on its way to one region, and others confirm already. */
const MOMENT = "#scene=drain&at=1100";
const PICTURE_FILE = join("docs", "images", "simulator.png");

await bootstrap();
const { takePicture } = await import("../packages/sim-page/dist/node/index.js");
await takePicture(MOMENT, PICTURE_FILE);
console.log(PICTURE_FILE);
