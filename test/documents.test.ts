/** Documents that repeat what code says are compared with it, in both directions. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import * as core from "@fpzk/core";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** The cells of every table row of a document, without heads and rules. */
function rowsOf(text: string): string[][] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) => line.slice(1, -1).split(" | ").join("|").split("|"))
    .map((cells) => cells.map((cell) => cell.trim()));
}

/** The first text in backquotes of a cell. */
function codeOf(cell: string | undefined): string | undefined {
  return /`([^`]+)`/.exec(cell ?? "")?.[1];
}

function documents(): string[] {
  const pages = readdirSync(join(ROOT, "docs")).map((name) => `docs/${name}`);
  const top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "glossary.md"];
  return [...top, ...pages.filter((page) => page.endsWith(".md"))];
}

test("P10 docs/limits.md and limits.ts name the same limits with the same values", () => {
  const said = new Map<string, number>();
  for (const [name, value] of rowsOf(read("docs/limits.md"))) {
    const limit = codeOf(name);
    if (limit !== undefined) said.set(limit, Number(value));
  }
  const meant = new Map<string, unknown>();
  for (const [, name = ""] of read("packages/core/src/limits.ts").matchAll(
    /^export const (\w+)/gm,
  )) {
    meant.set(name, (core as Record<string, unknown>)[name]);
  }
  assert.ok(meant.size > 30, `found only ${meant.size} limits`);
  assert.deepEqual(Object.fromEntries([...said].sort()), Object.fromEntries([...meant].sort()));
});

test("L1 docs/leases.md shows the rules of leases and the default timings", () => {
  const text = read("docs/leases.md");
  const rules = text.slice(text.indexOf("<!-- rules:begin"), text.indexOf("<!-- rules:end -->"));
  const said = rowsOf(rules).slice(2);
  const reasons = Object.entries(core.RemovalReason);
  const meant = Object.entries(core.LEASE_RULES).flatMap(([phase, events]) =>
    Object.entries(events).map(([event, step]) => {
      const isOver = step.phase === "ended";
      const wait = step.deadline === "keep" ? "as before" : `\`${step.deadline}\``;
      const reason = reasons.find(([, value]) => value === step.reason)?.[0];
      const isNone = step.reason === core.RemovalReason.none;
      return [phase, event, step.phase, step.write, isOver ? "–" : wait, isNone ? "–" : reason];
    }),
  );
  assert.deepEqual(said, meant);
  const timings = rowsOf(text)
    .map(([name, value]) => [codeOf(name), Number(value)] as const)
    .filter(([name, value]) => name !== undefined && Number.isFinite(value));
  assert.deepEqual(Object.fromEntries(timings), core.NODE_CONFIG_DEFAULT);
});

/** How a table says that a package is no plain dependency. */
const KIND_NOTES: Readonly<Record<string, string>> = {
  devDependencies: "development",
  peerDependencies: "optional peer",
};

test("docs/dependencies.md names the dependencies of all packages, and who uses them", () => {
  const said = new Map<string, string>();
  for (const [name, users] of rowsOf(read("docs/dependencies.md"))) {
    const dependency = codeOf(name);
    if (dependency !== undefined) said.set(dependency, users ?? "");
  }
  const meant = new Map<string, string[]>();
  const folders = readdirSync(join(ROOT, "packages")).map((name) => `packages/${name}`);
  for (const folder of ["", ...folders, "test", "examples"]) {
    const parsed = JSON.parse(read(join(folder, "package.json"))) as Record<string, unknown>;
    const kinds = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"];
    for (const kind of kinds) {
      for (const name of Object.keys((parsed[kind] ?? {}) as Record<string, string>)) {
        if (name.startsWith("@fpzk/") || name === "fpzk") continue;
        const base = folder.replace("packages/", "");
        const note = KIND_NOTES[kind];
        const user = base === "" ? "development" : note === undefined ? base : `${base} (${note})`;
        meant.set(name, [...(meant.get(name) ?? []), user]);
      }
    }
  }
  const usersOf = (text: string) => text.split(", ").sort();
  assert.deepEqual([...said.keys()].sort(), [...meant.keys()].sort());
  for (const [name, users] of meant) {
    assert.deepEqual(usersOf(said.get(name) ?? ""), users.sort(), `users of ${name}`);
  }
});

test("core depends on nothing", () => {
  const parsed = JSON.parse(read("packages/core/package.json")) as Record<string, unknown>;
  for (const kind of ["dependencies", "devDependencies", "peerDependencies"]) {
    assert.deepEqual(Object.keys((parsed[kind] ?? {}) as object), [], kind);
  }
});

test("files, pages and tests that documents name exist", () => {
  const sources = ["packages", "test", "examples"].flatMap((folder) =>
    sourcesOf(folder).filter((file) => file.endsWith(".test.ts")),
  );
  const titles = sources.map((file) => readFileSync(file, "utf8")).join("\n");
  for (const page of documents()) {
    const text = read(page);
    for (const [, path = ""] of text.matchAll(/`((?:packages|test|examples|docs)\/[\w./-]+)`/g)) {
      assert.ok(existsSync(join(ROOT, path)), `${page} names ${path}, which is not there`);
    }
    for (const [, link = ""] of text.matchAll(/\]\(([^)#]+?\.\w+)(?:#[^)]*)?\)/g)) {
      if (link.includes("://")) continue;
      assert.ok(existsSync(join(ROOT, dirname(page), link)), `${page} links ${link}`);
    }
    for (const [, title = ""] of text.matchAll(/\btest "([^"]+)"/g)) {
      assert.ok(titles.includes(`"${title}"`), `${page} names the test "${title}"`);
    }
    for (const [, claim = ""] of text.matchAll(/\bassert "([^"]+)"/g)) {
      const isThere = read("packages/core/src/replica/replica.ts").includes(claim);
      assert.ok(isThere, `${page} names the assert "${claim}"`);
    }
  }
});

test("what documents call by its name in the code is there", () => {
  const code = ["packages", "test", "examples"]
    .flatMap((folder) => sourcesOf(folder))
    .map((file) => readFileSync(file, "utf8"))
    .join("\n");
  const words = new Set(code.match(/#?[A-Za-z_]\w*/g));
  for (const page of ["ARCHITECTURE.md", "docs/replication.md", "docs/leases.md"]) {
    for (const [, name = ""] of read(page).matchAll(/`(#?[A-Za-z_]\w+)(?:\(\))?`/g)) {
      assert.ok(words.has(name), `${page} names ${name}, which no source does`);
    }
  }
});

test("every page is in the index", () => {
  const index = read("docs/README.md");
  for (const page of readdirSync(join(ROOT, "docs"))) {
    if (page === "README.md" || !page.endsWith(".md")) continue;
    assert.ok(index.includes(`(${page})`), `docs/README.md lacks ${page}`);
  }
});

/** TypeScript files of a folder. */
function sourcesOf(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === "node_modules" || entry.name === "dist") return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourcesOf(path);
    return entry.name.endsWith(".ts") ? [join(ROOT, path)] : [];
  });
}
