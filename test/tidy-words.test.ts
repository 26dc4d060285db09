/** What no file of the repository may hold: it must mean the same on every machine, to everybody. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const FOLDERS_SKIPPED = new Set([".git", "node_modules", "dist", "coverage", ".fpzk"]);
/** Below this the search for files is broken. */
const FILE_COUNT_MIN = 300;

interface Rule {
  readonly name: string;
  readonly pattern: RegExp;
  readonly advice: string;
}

/** Joined from pieces, so that this file keeps its own rules. */
function words(...pieces: readonly (readonly string[])[]): string {
  return pieces.map((word) => word.join("")).join("|");
}

const RULES: readonly Rule[] = [
  {
    name: "registry host",
    pattern: new RegExp(
      words(["registry\\.", "npmjs"], ["registry\\.", "yarnpkg"], ["npm", "mirror"]),
    ),
    advice: "npm knows where packages come from; lock files are written without hosts",
  },
  {
    name: "machine path",
    pattern: /(?<![\w.~)}\]*-])\/(?:work|root|tmp|Users|home)\/\w/,
    advice: "use os.tmpdir(), import.meta.url, or a path inside the repository",
  },
  {
    name: "word of how it was made",
    pattern: new RegExp(
      `\\b(?:${words(["cla", "ude"], ["anth", "ropic"], ["sub", "agent"], ["chat", "gpt"], ["work", "trees?"])})\\b`,
      "i",
    ),
    advice: "say what the project does, not who or what wrote it",
  },
  {
    name: "document that is not here",
    pattern: new RegExp(
      words(["\\b(?:DES", "IGN|FIE", "LD|STY", "LE|PE", "ERS)\\.md"], ["\\.\\./sha", "red/"]),
    ),
    advice: "name ARCHITECTURE.md or a page of docs/",
  },
];

test("no file names a registry host, a path of one machine, or how it was made", () => {
  const files = listFiles();
  assert.ok(files.length >= FILE_COUNT_MIN, `found ${files.length} files only`);
  const findings = files.flatMap((file) => findingsIn(file, readFileSync(join(ROOT, file))));
  assert.deepEqual(findings, []);
});

test("each rule finds what it forbids and leaves what only looks like it", () => {
  const check = (text: string, expected: readonly string[]) =>
    assert.deepEqual(namesOf(text), expected, text);
  check(["https://registry.", "npmjs.org/ws"].join(""), ["registry host"]);
  check(["see /ho", "me/eve/fpzk"].join(""), ["machine path"]);
  check(["file:///wo", "rk/main"].join(""), ["machine path"]);
  check(["asked Cla", "ude for it"].join(""), ["word of how it was made"]);
  check(["as STY", "LE.md says"].join(""), ["document that is not here"]);
  check("the registry answers at registry.example.net, GET /v1/home/x, ./tmp/x, STYLE", []);
});

function namesOf(text: string): readonly string[] {
  return RULES.filter(({ pattern }) => pattern.test(text)).map(({ name }) => name);
}

function findingsIn(file: string, content: Buffer): readonly string[] {
  // Pictures and the like hold no words.
  if (content.includes(0)) return [];
  return content
    .toString("utf8")
    .split("\n")
    .flatMap((line, index) =>
      RULES.filter(({ pattern }) => pattern.test(line)).map(
        ({ name, advice }) => `${file}:${index + 1} holds a ${name} (${advice}): ${line.trim()}`,
      ),
    );
}

/** What git has or would add; without git (an unpacked archive), all but what is made. */
function listFiles(): readonly string[] {
  const listing = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
  const { status, stdout } = spawnSync("git", listing, { cwd: ROOT, encoding: "utf8" });
  if (status !== 0) return walk("");
  return stdout.split("\0").filter((file) => file !== "" && existsSync(join(ROOT, file)));
}

function walk(folder: string): readonly string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    if (FOLDERS_SKIPPED.has(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return walk(path);
    return entry.isFile() ? [path] : [];
  });
}
