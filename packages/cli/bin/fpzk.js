#!/usr/bin/env node
// Stands in the repository, so that `npx fpzk` is linked in a clone before the first build.
import { existsSync } from "node:fs";

const main = new URL("../dist/main.js", import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  console.error("fpzk: not built yet; run `npm run build` in the clone");
  process.exitCode = 1;
}
