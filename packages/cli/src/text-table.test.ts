import assert from "node:assert/strict";
import test from "node:test";
import { formatTable, printable } from "./text-table.js";

const columns = [
  { title: "NAME", text: (row: { name: string; count: number }) => row.name },
  { title: "COUNT", text: (row: { count: number }) => String(row.count), isNumber: true },
  { title: "AGAIN", text: (row: { name: string }) => row.name, color: () => "green" as const },
];

test("columns align, numbers at the right, without trailing space", () => {
  const rows = [
    { name: "a", count: 100_000 },
    { name: "日本", count: 7 },
  ];
  assert.equal(
    formatTable(rows, columns, false),
    ["NAME   COUNT  AGAIN", "a     100000  a", "日本       7  日本", ""]
      .join("\n")
      .replace("NAME   COUNT", "NAME   COUNT"),
  );
});

test("colour is only where it is asked for", () => {
  const rows = [{ name: "a", count: 1 }];
  assert.ok(!formatTable(rows, columns, false).includes("\u001b"));
  assert.ok(formatTable(rows, columns, true).includes("\u001b[32ma\u001b[0m"));
});

test("control characters of others never reach the terminal", () => {
  const nasty = "a\u001b[31mb\u0007c\nd\u009be\u202ef";
  assert.equal(printable(nasty), "a\ufffd[31mb\ufffdc\ufffdd\ufffde\ufffdf");
  const table = formatTable([{ name: nasty, count: 1 }], columns, false);
  assert.equal(table.split("\n").length, 3);
  assert.ok(!table.includes("\u001b"));
});
