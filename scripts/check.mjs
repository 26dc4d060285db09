// All that a change must pass: build, lint and format, generated documents, tests.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bootstrap, run } from "./bootstrap.mjs";

/** Pages made by programs of ours. They are committed, so that they can be read without a build. */
const GENERATED_DOCS = [
  { file: "docs/configuration.md", command: ["packages/cli/bin/fpzk.js", "config", "--docs"] },
];

await bootstrap();
const biome = join("node_modules", "@biomejs", "biome", "bin", "biome");
await step("lint and format", [biome, "check", "--error-on-warnings", "."]);
checkGeneratedDocs();
checkTraceHashes();
await step("tests", [join("scripts", "test.mjs")]);

async function step(title, command) {
  console.error(`\n${title}: node ${command.join(" ")}`);
  const code = await run(process.execPath, command);
  if (code === 0) return;
  console.error(`${title} failed with exit code ${code}`);
  process.exit(code);
}

/** Compares with what is there, committed or not; a page that differs is written anew. */
function checkGeneratedDocs() {
  const outdated = [];
  for (const { file, command } of GENERATED_DOCS) {
    const { status, stdout } = spawnSync(process.execPath, command, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    });
    if (status !== 0) fail(`node ${command.join(" ")} failed with exit code ${status}`);
    if (stdout === readFileSync(file, "utf8")) continue;
    writeFileSync(file, stdout);
    outdated.push(file);
  }
  if (outdated.length === 0) return;
  spawnSync("git", ["--no-pager", "diff", "--", ...outdated], { stdio: "inherit" });
  fail(`out of date, now written anew; look at them and commit: ${outdated.join(", ")}`);
}

/** The simulator's trace of some seeds, which a test compares on every machine. */
function checkTraceHashes() {
  const file = join("packages", "sim", "src", "hunt", "trace-hashes.ts");
  const before = readFileSync(file, "utf8");
  const { status } = spawnSync(process.execPath, [join("scripts", "sim.mjs"), "--record-hashes"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status !== 0) fail(`node scripts/sim.mjs --record-hashes failed with exit code ${status}`);
  if (readFileSync(file, "utf8") === before) return;
  fail(`histories changed with their sources: ${file} is written anew; look at it and commit it`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
