import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { configurationPage } from "./config-docs.js";
import { CONFIG_KINDS } from "./config-kinds.js";
import { listFields } from "./field-list.js";
import { formatMistake } from "./mistake.js";
import { parseConfig } from "./parse-config.js";
import { serverConfigKind, toNodeOptions } from "./server-config.js";

const root = join(import.meta.dirname, "..", "..", "..", "..");
const examples = join(root, "examples", "three-regions");

test("docs/configuration.md is what the schemas say, line for line", () => {
  const page = readFileSync(join(root, "docs", "configuration.md"), "utf8");
  assert.equal(
    page,
    configurationPage(CONFIG_KINDS),
    "run: fpzk config --docs > docs/configuration.md",
  );
});

test("every setting has a flag, a variable and a default of its own in the page", () => {
  const page = configurationPage(CONFIG_KINDS);
  for (const kind of CONFIG_KINDS) {
    const fields = listFields(kind.schema, kind.environmentPrefix);
    for (const field of fields) {
      assert.ok(page.includes(`| \`${field.path}\` |`), field.path);
      assert.notEqual(field.about, "");
      assert.notEqual(field.defaultText, "", field.path);
    }
    for (const name of ["flagName", "environmentName"] as const) {
      const names = fields.flatMap((field) => field[name] ?? []);
      assert.equal(new Set(names).size, names.length);
    }
  }
});

test("the table's defaults are the schema's", () => {
  for (const kind of CONFIG_KINDS) {
    for (const field of listFields(kind.schema, kind.environmentPrefix)) {
      const text = field.defaultText === '""' ? "" : field.defaultText;
      const given = field.schema.safeParse(undefined);
      assert.ok(given.success, `${field.path} must have a default or be optional`);
      const value = given.data;
      if (value === undefined || typeof value === "object") continue;
      const expected = field.kind === "duration" ? field.schema.parse(text) : text;
      assert.equal(String(value), String(expected), field.path);
    }
  }
});

test("the three regions' files are good, short, and one cluster", () => {
  const files = readdirSync(examples).filter((name) => name.endsWith(".yaml"));
  assert.deepEqual(files.sort(), ["ap.yaml", "eu.yaml", "us.yaml"]);
  const nodes = files.map((name) => {
    const text = readFileSync(join(examples, name), "utf8");
    const lineCount = text.trimEnd().split("\n").length;
    assert.ok(lineCount <= 10, `${name} has ${lineCount} lines, at most 10`);
    const sources = { file: { name, text }, environment: {}, flags: new Map() };
    const parsed = parseConfig(serverConfigKind, sources);
    assert.ok(parsed.isGood, parsed.isGood ? "" : parsed.mistakes.map(formatMistake).join("\n"));
    return toNodeOptions(parsed.config, { clusterSecret: undefined, tokenKey: undefined });
  });
  assert.deepEqual(
    nodes.map(({ region }) => region),
    ["ap", "eu", "us"],
  );
  assert.equal(new Set(nodes.map(({ clusterSecret }) => clusterSecret)).size, 1);
  const addresses = nodes.map(({ host, port }) => `${host}:${port}`).sort();
  for (const { seeds } of nodes) assert.deepEqual([...seeds].sort(), addresses);
});

test("the file that the example's page shows for real machines is good", () => {
  const page = readFileSync(join(examples, "README.md"), "utf8");
  const text = /```yaml\n([\s\S]*?)```/.exec(page)?.[1];
  assert.ok(text !== undefined);
  const sources = { file: { name: "README.md", text }, environment: {}, flags: new Map() };
  const parsed = parseConfig(serverConfigKind, sources);
  assert.ok(parsed.isGood, parsed.isGood ? "" : parsed.mistakes.map(formatMistake).join("\n"));
});
