// Loaded into the process of each test file: ends one that does not end by itself, and says what
// properties are tried with. From Node 22 on, the runner's timeout is one of tests; a file whose
// tests are over may hang for ever.
import { readFileSync } from "node:fs";

/** More than a test may take: a test that hangs is named by the runner. */
const FILE_TIMEOUT_MS = 420_000;
/**
 * A checkout tries the same each time: a defect found by chance belongs to who looks for one, not
 * to whose change was tested just then. `FPZK_TEST_SEED=random` looks for one, a number tries it.
 */
const PROPERTY_SEED = 1;
const OPTION = `--import=${import.meta.url}`;

/** NODE_OPTIONS for the runner, which hands them on to the test files. */
export function loadedIntoTests(nodeOptions = "") {
  return `${nodeOptions} ${OPTION}`.trim();
}

if (process.env.NODE_TEST_CONTEXT !== undefined) {
  // What the tests start is not watched.
  const others = (process.env.NODE_OPTIONS ?? "").replace(OPTION, "").trim();
  if (others === "") delete process.env.NODE_OPTIONS;
  else process.env.NODE_OPTIONS = others;
  const timer = setTimeout(() => {
    process.stderr.write(`the file did not end within ${FILE_TIMEOUT_MS} ms\n`);
    process.stderr.write(`still open: ${process.getActiveResourcesInfo().join(", ")}\n`);
    process.exit(1);
  }, FILE_TIMEOUT_MS);
  timer.unref();
  await seedProperties(process.env.FPZK_TEST_SEED ?? PROPERTY_SEED);
}

/** Only where it is used: loading fast-check takes longer than most test files. */
async function seedProperties(seed) {
  if (seed === "random" || !readFileSync(process.argv[1], "utf8").includes("fast-check")) return;
  const { configureGlobal } = await import("fast-check");
  configureGlobal({ seed: Number(seed) });
}
