// Run by npm before a package is packed: an up-to-date build, and the licence beside it.
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { bootstrap } from "./bootstrap.mjs";

const packageFolder = process.cwd();
await bootstrap();
for (const name of ["LICENSE", "NOTICE"]) copyFileSync(name, join(packageFolder, name));
