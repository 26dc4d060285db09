#!/usr/bin/env node
// Committed, unlike the build, so that a fresh clone's install can link it.
import { existsSync } from "node:fs";

const main = new URL("../dist/main.js", import.meta.url);
if (!existsSync(main)) {
  process.stderr.write("fpzk: this clone is not built yet; run: npm run build\n");
  process.exit(1);
}
await import(main.href);
