import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { ERROR_CODES, type ErrorCode } from "@fpzk/core";
import { COMMANDS } from "./command.js";
import { EXIT_CODES, exitCodeOf } from "./exit-code.js";
import { runInMemory } from "./testing/memory-io.js";
import { MAIN } from "./testing/process.js";

const page = readFileSync(join(import.meta.dirname, "../../../docs/cli.md"), "utf8");

/** The binary as a process of its own, without this process's settings. */
function fpzk(args: readonly string[], environment: Record<string, string> = {}) {
  const { PATH = "" } = process.env;
  const result = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: "utf8",
    env: { PATH, ...environment },
    timeout: 60_000,
  });
  return { exitCode: result.status, stdout: result.stdout, stderr: result.stderr };
}

test("the binary shows help and version with 0, and usage errors with 2", () => {
  const help = fpzk(["--help"]);
  assert.equal(help.exitCode, 0);
  assert.match(help.stdout, /Exit codes:\n {2}0 {2}done\n/);
  for (const { name } of COMMANDS) assert.ok(help.stdout.includes(`\n  ${name} `), name);
  assert.deepEqual(fpzk(["--version"]), { exitCode: 0, stdout: "fpzk 0.1.0\n", stderr: "" });
  const unknown = fpzk(["servces"]);
  assert.equal(unknown.exitCode, 2);
  assert.match(unknown.stderr, /unknown command 'servces'\n\(Did you mean services\?\)/);
  assert.equal(unknown.stdout, "");
});

test("every command has help with examples", async () => {
  for (const { name } of COMMANDS) {
    const { exitCode, stdout } = await runInMemory([name, "--help"]);
    assert.equal(exitCode, 0, name);
    assert.match(stdout, new RegExp(`^Usage: fpzk ${name} `), name);
    assert.match(stdout, /\nExamples:\n {2}\S/, name);
    const helped = await runInMemory(["help", name]);
    assert.equal(helped.stdout, stdout, name);
  }
});

test("wrong arguments end with 2 and say how to get help", async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["instances", /missing required argument 'service'/],
    ["instances a b", /too many arguments/],
    ["services --nope", /unknown option '--nope'/],
    ["drain a b --timeout soon", /--timeout "soon" must be a duration/],
    ["services --server ftp://x", /--server "ftp:\/\/x" must be "host:port"/],
    ["register -- true", /--service NAME is missing\nfpzk: --port N is missing/],
    ["register --service a --port 0 -- true", /--port "0" must be a whole number, 1 to 65535/],
    ["server --port x", /port: "x" \(--port\) is not allowed/],
    ["server --config nowhere.yaml", /cannot read nowhere.yaml: there is no such file/],
  ];
  for (const [words, expected] of cases) {
    const { exitCode, stderr } = await runInMemory(words.split(" "));
    assert.equal(exitCode, 2, words);
    assert.match(stderr, expected, words);
  }
});

test("the server's settings are checked in the process, all mistakes at once", () => {
  const result = fpzk(["server", "--port", "99999"], { FPZK_CLUSTER_SESSION_TTL: "soon" });
  assert.equal(result.exitCode, 2);
  assert.match(result.stderr, /^fpzk: 2 mistakes in the settings:\n {2}port: 99999 \(--port\)/);
  assert.match(result.stderr, /cluster\.sessionTtl: "soon" \(FPZK_CLUSTER_SESSION_TTL\)/);
});

/** A module hook that prints the address of each module loaded. */
const TRACE = `data:text/javascript,${encodeURIComponent(`
  import { register } from "node:module";
  register("data:text/javascript," + encodeURIComponent(\`
    import { writeSync } from "node:fs";
    export async function load(url, context, next) {
      writeSync(2, "loads " + url + "\\\\n");
      return next(url, context);
    }
  \`));
`)}`;

test("a command for people loads neither the server nor the schemas of settings", () => {
  const words = ["--import", TRACE, MAIN, "services", "--server", "127.0.0.1:1"];
  const { stderr, status } = spawnSync(process.execPath, words, { encoding: "utf8", env: {} });
  assert.equal(status, 5, stderr);
  const loaded = [...stderr.matchAll(/^loads (.*)$/gm)].map(([, url]) => url!);
  assert.ok(
    loaded.some((url) => url.endsWith("/commands/services.js")),
    stderr,
  );
  for (const part of [
    "/packages/server/",
    "/packages/client/",
    "/zod/",
    "/yaml/",
    "/pino/",
    "/commands/server.js",
  ]) {
    assert.ok(!loaded.some((url) => url.includes(part)), `services loads ${part}`);
  }
});

test("config shows what is in force and where from, without secrets", () => {
  const environment = { FPZK_CLUSTER_SECRET: "0123456789abcdef0", FPZK_ZONE: "z1" };
  const { exitCode, stdout } = fpzk(["config", "--json", "--region", "eu"], environment);
  assert.equal(exitCode, 0);
  const settings = JSON.parse(stdout);
  assert.deepEqual(settings.region, { value: "eu", source: "--region" });
  assert.deepEqual(settings.zone, { value: "z1", source: "FPZK_ZONE" });
  assert.deepEqual(settings.clusterSecret, { value: "(hidden)", source: "FPZK_CLUSTER_SECRET" });
  assert.deepEqual(settings.port, { value: 7100, source: "default" });
});

test("docs/cli.md has a section for each command, and for no other", () => {
  const sections = [...page.matchAll(/^### `fpzk ([a-z-]+)/gm)].map(([, name]) => name);
  assert.deepEqual(
    sections,
    COMMANDS.map(({ name }) => name),
  );
});

test("docs/cli.md has the exit codes, and each option of each command, and no other", async () => {
  for (const { code, meaning } of EXIT_CODES) assert.ok(page.includes(`| ${code} | ${meaning} |`));
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
    assert.ok(EXIT_CODES.some((entry) => entry.code === exitCodeOf(code)));
  }
  const known = new Set<string>();
  for (const { name } of COMMANDS) {
    const { stdout } = await runInMemory(
      name === "config" ? [name, "server", "--help"] : [name, "--help"],
    );
    const options = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(
      ([, option]) => option!,
    );
    for (const option of options) known.add(option);
    const isOfSettings = name === "server" || name === "proxy" || name === "config";
    for (const option of isOfSettings ? [] : options.filter((name) => name !== "--help")) {
      assert.ok(page.includes(`\`${option}`), `${name} ${option} is not in docs/cli.md`);
    }
  }
  for (const [, option] of page.matchAll(/`(--[a-z-]+)/g)) {
    assert.ok(
      known.has(option!) || option === "--version",
      `docs/cli.md has ${option}, no command does`,
    );
  }
});
