// Loaded into the process of each test file: ends one that does not end by itself. From Node 22 on,
// the runner's timeout is one of tests; a file whose tests are over may hang for ever.
/** More than a test may take: a test that hangs is named by the runner. */
const FILE_TIMEOUT_MS = 420_000;
const OPTION = `--import=${import.meta.url}`;

/** NODE_OPTIONS for the runner, which hands them on to the test files. */
export function withWatchdog(nodeOptions = "") {
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
}
