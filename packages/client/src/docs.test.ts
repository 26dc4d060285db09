import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const root = new URL("../../../", import.meta.url);

function read(path: string): string {
  return readFileSync(new URL(path, root), "utf8");
}

const guide = read("docs/client.md");

function sources(folder: string): string {
  const names = readdirSync(new URL(folder, root)).filter(
    (name) => name.endsWith(".ts") && !name.includes(".test."),
  );
  return names.map((name) => read(`${folder}/${name}`)).join("\n");
}

test("every example of the guide is quoted from code that is built", () => {
  const example = read("examples/embed/basic.ts");
  const blocks = [...guide.matchAll(/```ts\n(?<code>.*?)```/gs)];
  assert.ok(blocks.length >= 7);
  for (const block of blocks) assert.ok(example.includes(block.groups?.["code"] ?? ""), block[0]);
});

test("every option is in the guide", () => {
  const api = read("packages/client/src/api.ts");
  for (const name of [
    "ConnectOptions",
    "Registration",
    "SubscribeOptions",
    "Filter",
    "ViewStatus",
  ]) {
    const body = new RegExp(`interface ${name} \\{(?<body>.*?)\\n\\}`, "s").exec(api);
    const keys = [...(body?.groups?.["body"] ?? "").matchAll(/^ {2}readonly (?<key>\w+)/gm)];
    assert.ok(keys.length >= 4, name);
    for (const key of keys) {
      assert.ok(guide.includes(`\`${key.groups?.["key"]}\``), `${name}.${key.groups?.["key"]}`);
    }
  }
});

test("every note is in the guide, and the guide names no other", () => {
  const code = sources("packages/core/src/client") + sources("packages/client/src");
  const inCode = new Set([...code.matchAll(/"(client\.[a-z-]+)"/g)].map((match) => match[1]));
  const inGuide = new Set(
    [...guide.matchAll(/^\| `(client\.[a-z-]+)`/gm)].map((match) => match[1]),
  );
  assert.deepEqual([...inGuide].sort(), [...inCode].sort());
});
