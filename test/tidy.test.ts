/** Mechanical rules of the code base; each failure names the rule's reason or the replacement. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = rootOf(dirname(fileURLToPath(import.meta.url)));
const FILE_LINE_COUNT_MAX = 600;
const FUNCTION_LINE_COUNT_MAX = 100;
/** Fewer than this means that the search is broken. */
const FILE_COUNT_MIN = 100;

/** Longer than a file should be, each with its reason. */
const LONG_FILES: Readonly<Record<string, string>> = {};

/** What core must not use, and what to use instead. */
const BANNED_IN_CORE: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\b|\bnew Date\b|\bperformance\.now\b/, "pass `now: Instant` in"],
  [/\bMath\.random\b/, "take a `Random`"],
  [/\basync\b|\bawait\b|\bPromise\b/, "return effects; the driver waits"],
  [/\bsetTimeout\b|\bsetInterval\b|\bsetImmediate\b|\bqueueMicrotask\b/, "offer `nextDeadline()`"],
  [/\blocaleCompare\b|\bIntl\b|\btoLocale/, "compare with `<`: equal on every machine"],
  [/\bBuffer\b|\bprocess\.|\bTextEncoder\b|\bTextDecoder\b/, "core has no Node and no DOM"],
];

const FILES = readdirSync(join(ROOT, "packages"))
  .flatMap((name) => sourcesIn(join("packages", name, "src")))
  .filter((file) => !/\.(test|bench|fixture|support)\.ts$/.test(file));

test("the search finds the sources", () => {
  assert.ok(FILES.length >= FILE_COUNT_MIN, `found only ${FILES.length} files`);
});

test("core decides alone: no clock, no chance, no waiting, no machine", () => {
  const found = FILES.filter((file) => file.startsWith("packages/core/")).flatMap((file) => {
    const lines = withoutComments(read(file)).split("\n");
    return BANNED_IN_CORE.flatMap(([pattern, instead]) =>
      lines.flatMap((line, index) =>
        pattern.test(line) ? [`${file}:${index + 1} ${line.trim()} - ${instead}`] : [],
      ),
    );
  });
  assert.deepEqual(found, []);
});

test("libraries do not write to the console", () => {
  const found = FILES.filter((file) => !/^packages\/(cli|bench)\//.test(file)).filter((file) =>
    /\bconsole\./.test(withoutComments(read(file))),
  );
  assert.deepEqual(found, [], "hand a logger in, or return a note");
});

test("a package imports only what its package.json declares", () => {
  const undeclared: string[] = [];
  for (const name of readdirSync(join(ROOT, "packages"))) {
    const manifest = JSON.parse(read(join("packages", name, "package.json"))) as {
      name: string;
      dependencies?: Record<string, string>;
      peerDependencies?: Record<string, string>;
    };
    const { dependencies, peerDependencies } = manifest;
    const declared = new Set([
      manifest.name,
      ...Object.keys({ ...dependencies, ...peerDependencies }),
    ]);
    for (const file of FILES.filter((each) => each.startsWith(`packages/${name}/`))) {
      const text = withoutComments(read(file));
      const imports = [
        ...text.matchAll(/^(?:import |(?:import|export)\b[^;"]* from )"([^".\n][^"\n]*)";$/gm),
        ...text.matchAll(/\bimport\("([^".\n][^"\n]*)"\)/g),
      ];
      for (const [, specifier = ""] of imports) {
        const isPlatform = isBuiltin(specifier) && name !== "core";
        if (!isPlatform && !declared.has(packageOf(specifier))) {
          undeclared.push(`${file} imports ${specifier}`);
        }
      }
    }
  }
  assert.deepEqual(undeclared, []);
});

test("files and functions stay short enough to read in one go", () => {
  const long: string[] = [];
  for (const file of FILES) {
    const lines = read(file).split("\n");
    if (lines.length > FILE_LINE_COUNT_MAX && LONG_FILES[file] === undefined) {
      long.push(`${file}: ${lines.length} lines, at most ${FILE_LINE_COUNT_MAX}`);
    }
    long.push(...longFunctionsOf(file, lines));
  }
  assert.deepEqual(long, []);
  for (const file of Object.keys(LONG_FILES)) {
    const isLong =
      existsSync(join(ROOT, file)) && read(file).split("\n").length > FILE_LINE_COUNT_MAX;
    assert.ok(isLong, `${file} needs no exception any more`);
  }
});

/** Functions and methods, told by how the formatter lays them out. */
function longFunctionsOf(file: string, lines: readonly string[]): string[] {
  const found: string[] = [];
  for (const [start, line] of lines.entries()) {
    const isFunction = /^(?:export )?(?:async )?function\b/.test(line);
    const isMethod = /^ {2}(?:(?:static|async|override|get|set) )*[#\w]+\(.*[({]$/.test(line);
    if (!isFunction && !isMethod) continue;
    const indent = isMethod ? "  " : "";
    const rest = lines.slice(start + 1);
    // A method of an object literal ends with a comma.
    const length = rest.findIndex((each) => each === `${indent}}` || each === `${indent}},`);
    // A call laid out over lines looks like a method up to its end.
    const callLength = rest.findIndex(
      (each) => each.startsWith(`${indent})`) && each.endsWith(";"),
    );
    const isCall = isMethod && callLength >= 0 && callLength < length;
    if (length > FUNCTION_LINE_COUNT_MAX && !isCall) {
      found.push(`${file}:${start + 1}: ${length} lines, at most ${FUNCTION_LINE_COUNT_MAX}`);
    }
  }
  return found;
}

function packageOf(specifier: string): string {
  const parts = specifier.split("/");
  return parts.slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}

/** Blanks comments, keeping line numbers. */
function withoutComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, " "))
    .replace(/(^|\s)\/\/.*$/gm, "");
}

function sourcesIn(folder: string): string[] {
  if (!existsSync(join(ROOT, folder))) return [];
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : sourcesIn(path);
    return entry.name.endsWith(".ts") ? [path] : [];
  });
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

function rootOf(folder: string): string {
  return existsSync(join(folder, "package-lock.json")) ? folder : rootOf(dirname(folder));
}
