// Builds and runs every test. `npm test -- PATTERN` runs the test files whose path holds PATTERN.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { bootstrap } from "./bootstrap.mjs";

bootstrap();

/** Fewer files than this means that the search for tests is broken, not that tests are gone. */
const TEST_FILE_COUNT_MIN = 1;
const patterns = process.argv.slice(2);
const files = ["packages", "test", "examples"]
  .flatMap((folder) => findTests(folder))
  .filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)))
  .sort();
if (files.length < (patterns.length === 0 ? TEST_FILE_COUNT_MIN : 1)) {
  console.error(`found ${files.length} test files, expected at least ${TEST_FILE_COUNT_MIN}`);
  process.exit(1);
}
const result = spawnSync(
  process.execPath,
  ["--test", "--test-concurrency=2", "--test-timeout=300000", ...files],
  { stdio: "inherit" },
);
process.exit(result.status ?? 1);

function findTests(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === "node_modules") return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return findTests(path);
    return path.includes("dist") && entry.name.endsWith(".test.js") ? [path] : [];
  });
}
