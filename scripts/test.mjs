// Builds and runs every test. `npm test -- PATTERN` runs the test files whose path holds PATTERN,
// `npm test -- '!PATTERN'` those whose path does not.
import { setMaxListeners } from "node:events";
import { existsSync } from "node:fs";
import { run } from "node:test";
import { bootstrap } from "./bootstrap.mjs";
import { listTests } from "./sources.mjs";
import { loadedIntoTests } from "./test-process.mjs";
import { TestReport } from "./test-report.mjs";

/**
 * These take longest (see the summary at the end of a run): first, or the others wait for them.
 * The first and the third start the most processes; beside the first runs what needs one core.
 */
const LONGEST_FIRST = [
  "test/e2e/three-regions.test.ts",
  "packages/sim/src/run.test.ts",
  "test/faults/faults.test.ts",
  "packages/cli/src/end-to-end.test.ts",
  "packages/bench/src/benches.test.ts",
  "test/deploys/deploys.test.ts",
  "packages/server/src/rest/watch-stream.test.ts",
  "test/packaging/pack.test.ts",
  "packages/sim-page/src/node/page.test.ts",
  "test/demo.test.ts",
  "packages/core/src/table/record-table.test.ts",
  "test/readme.test.ts",
  "test/e2e/visibility.test.ts",
  "test/e2e/superseded.test.ts",
  "packages/server/src/peer-hub.test.ts",
  "packages/server/src/start-server.test.ts",
];
const CONCURRENCY = 2;
/**
 * A hang fails the run instead of hanging it; each file has a watchdog of its own. On Node 20 the
 * runner counts it from the start of the whole run, so it must be longer than that takes.
 */
const TEST_TIMEOUT_MS = 840_000;

await bootstrap();
const isLeftOut = (text) => text.startsWith("!");
const patterns = process.argv.slice(2).filter((text) => !isLeftOut(text));
const leftOut = process.argv
  .slice(2)
  .filter(isLeftOut)
  .map((text) => text.slice(1));
const tests = listTests();
checkTests(tests);
const files = tests
  .filter(({ source }) => patterns.length === 0 || patterns.some((text) => source.includes(text)))
  .filter(({ source }) => !leftOut.some((text) => source.includes(text)))
  .sort((a, b) => rank(a) - rank(b) || (a.source < b.source ? -1 : 1))
  .map(({ compiled }) => compiled);
if (files.length === 0) fail(`no test file is left of ${process.argv.slice(2).join(" ")}`);

const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.once(signal, () => stopping.abort());
}
process.env.NODE_OPTIONS = loadedIntoTests(process.env.NODE_OPTIONS);
const report = new TestReport(files);
const { signal } = stopping;
setMaxListeners(0, signal); // one for each file
const options = { files, concurrency: CONCURRENCY, timeout: TEST_TIMEOUT_MS, signal };
for await (const { type, data } of run(options)) report.take(type, data);
process.exitCode = report.end();

/** A search that finds too little must fail: the sources say how many test files there are. */
function checkTests(all) {
  if (all.length === 0) fail("found no test sources");
  const missing = all.filter(({ compiled }) => !existsSync(compiled));
  if (missing.length > 0) {
    fail(`not compiled: ${missing.map(({ source }) => source).join(", ")}`);
  }
  const unknown = LONGEST_FIRST.filter((name) => !all.some(({ source }) => source === name));
  if (unknown.length > 0) fail(`LONGEST_FIRST names what is no test: ${unknown.join(", ")}`);
}

function rank({ source }) {
  const index = LONGEST_FIRST.indexOf(source);
  return index === -1 ? LONGEST_FIRST.length : index;
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
