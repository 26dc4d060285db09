/** What is published works: packed, installed into an empty project, compiled against and run. */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { guideProgram, tourProgram } from "./client-example.js";
import {
  endGroup,
  type PackageManifest,
  PackedProject,
  publicPackages,
  readManifest,
  WORKSPACE_FOLDER,
} from "./packed-project.js";

const packages = publicPackages();
const names = [...packages.values()].map(({ name }) => name);
const POLL_INTERVAL_MS = 200;
const SEEN_TIMEOUT_MS = 60_000;

describe("published packages", { skip: process.platform === "win32" && "process groups" }, () => {
  let project: PackedProject | string = "not made";

  before(async () => {
    project = await PackedProject.create(names);
  });

  after(async () => {
    if (typeof project !== "string") await project.remove();
  });

  /** Skips the test where npm reaches no registry for the packages of others. */
  function projectOf(context: TestContext): PackedProject | undefined {
    if (typeof project !== "string") return project;
    context.skip(project);
    return undefined;
  }

  it("are the six that users name", () => {
    const expected = ["core", "protocol", "client", "server", "proxy"].map((n) => `@fpzk/${n}`);
    assert.deepEqual([...names].sort(), [...expected, "fpzk"].sort());
  });

  it("describe themselves and need only what is published", () => {
    for (const manifest of packages.values()) checkManifest(manifest);
  });

  it("hold the build, a README and the licence, and nothing of tests", (context) => {
    const made = projectOf(context);
    if (made === undefined) return;
    for (const name of names) checkContents(name, listFiles(made.installedFolder(name)));
  });

  it("resolve every export to code and types, and nothing else", async (context) => {
    const made = projectOf(context);
    if (made === undefined) return;
    for (const name of names) await checkExports(made, name);
  });

  it("run the programs of the README against npx fpzk server", async (context) => {
    const made = projectOf(context);
    if (made === undefined) return;
    const server = made.spawn("npx", ["--no-install", "fpzk", "server", "--port", "0"]);
    const [, address = ""] = await seen(server, /"address":"([^"]+)".*"event":"server\.ready"/);
    made.write("provider.mjs", tourProgram(WORKSPACE_FOLDER, "provider.mjs", address));
    made.write("caller.mts", tourProgram(WORKSPACE_FOLDER, "caller.mjs", address));
    made.write("guide.ts", guideProgram(WORKSPACE_FOLDER));
    await compile(made, ["caller.mts", "guide.ts"]);
    const program = made.spawn(process.execPath, ["provider.mjs"]);
    const programOutput = outputOf(program);
    const deadlineMs = performance.now() + SEEN_TIMEOUT_MS;
    let services: readonly { readonly service: string }[] = [];
    while (services.length === 0) {
      assert.equal(program.exitCode, null, `the example ended: ${programOutput()}`);
      assert.ok(performance.now() < deadlineMs, `nothing was registered: ${programOutput()}`);
      const listing = ["--no-install", "fpzk", "services", "--json", "--server", address];
      const { exitCode, stdout, stderr } = await made.run("npx", listing);
      assert.equal(exitCode, 0, stderr);
      services = (JSON.parse(stdout) as { services: typeof services }).services;
      // The other process is only to be seen from outside: nothing here tells of it.
      if (services.length === 0) await delay(POLL_INTERVAL_MS);
    }
    assert.deepEqual(
      services.map(({ service }) => service),
      ["hello"],
    );
    const call = await made.run(process.execPath, ["caller.mjs"]);
    assert.match(call.stdout, /^200 from /, call.stderr);
    await endGroup(program);
    await endGroup(server);
  });
});

function checkManifest(manifest: PackageManifest): void {
  const { name, version, description, license, engines, exports, files } = manifest;
  assert.match(version ?? "", /^\d+\.\d+\.\d+/, name);
  assert.ok((description ?? "").length > 10, `${name} has no description`);
  assert.equal(license, "Apache-2.0", name);
  assert.equal(engines?.node, ">=20", name);
  assert.ok(exports?.["."] !== undefined, `${name} exports nothing`);
  assert.ok(files?.includes("dist"), `${name} publishes no dist`);
  for (const [dependency, range] of Object.entries(manifest.dependencies ?? {})) {
    assert.match(range, /^[~^]?\d/, `${name} → ${dependency}: ${range} means nothing elsewhere`);
    if (!/^(@fpzk\/|fpzk$)/.test(dependency)) continue;
    assert.ok(names.includes(dependency), `${name} needs ${dependency}, which is not published`);
    assert.equal(range, version, `${name} → ${dependency}`);
  }
}

function checkContents(name: string, files: readonly string[]): void {
  for (const needed of ["package.json", "README.md", "LICENSE", "NOTICE", "dist/index.js"]) {
    assert.ok(files.includes(needed), `${name} lacks ${needed}`);
  }
  const allowed = /^(package\.json|README\.md|LICENSE|NOTICE|bin\/[^/]+\.js|dist\/.+)$/;
  const unwanted = /\.(test|fixture|bench)\.|tsbuildinfo|(^|\/)(testing|node_modules)\//;
  const wrong = files.filter((file) => !allowed.test(file) || unwanted.test(file));
  assert.deepEqual(wrong, [], `${name} publishes what no user needs`);
}

async function checkExports(project: PackedProject, name: string): Promise<void> {
  const folder = project.installedFolder(name);
  const { exports = {}, bin = {} } = readManifest(folder);
  for (const target of Object.values(exports)) {
    for (const file of typeof target === "string" ? [target] : Object.values(target)) {
      assert.ok(existsSync(join(folder, file)), `${name} exports ${file}, which is not there`);
    }
  }
  for (const file of Object.values(bin)) assert.ok(existsSync(join(folder, file)), file);
  const code = `await import(${JSON.stringify(name)});
    await import(${JSON.stringify(`${name}/dist/index.js`)}).then(
      () => { throw new Error("what is not exported can be imported"); },
      (error) => { if (error.code !== "ERR_PACKAGE_PATH_NOT_EXPORTED") throw error; },
    );`;
  const imported = await project.run(process.execPath, ["--input-type=module", "--eval", code]);
  assert.equal(imported.exitCode, 0, `${name}: ${imported.stderr}`);
}

/** As strict as a user's compiler may be, with no more of the language's library than promised. */
async function compile(project: PackedProject, files: readonly string[]): Promise<void> {
  const nodeModules = join(WORKSPACE_FOLDER, "node_modules");
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    target: "ES2022",
    lib: ["ES2022"],
    module: "NodeNext",
    moduleResolution: "NodeNext",
    types: ["node"],
    typeRoots: [join(nodeModules, "@types")],
  };
  project.write("tsconfig.json", JSON.stringify({ compilerOptions, files }));
  const compiler = join(nodeModules, "typescript", "bin", "tsc");
  const { exitCode, stdout, stderr } = await project.run(process.execPath, [compiler, "-p", "."]);
  assert.equal(exitCode, 0, stdout + stderr);
}

function listFiles(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

function outputOf(child: ChildProcess): () => string {
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk) => {
      output += String(chunk);
    });
  }
  return () => output;
}

/** Resolves with the match as soon as the program has written it. */
function seen(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  const output = outputOf(child);
  return new Promise((resolve, reject) => {
    const look = () => {
      const match = pattern.exec(output());
      if (match !== null) resolve(match);
    };
    child.stdout?.on("data", look);
    child.stderr?.on("data", look);
    child.once("close", () => reject(new Error(`ended without ${pattern}: ${output()}`)));
  });
}
