/** `docs/protocol.md` and the code say the same, both ways. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import {
  hashBytes,
  hashNumber,
  hashText,
  InstanceState,
  RecordKind,
  RemovalReason,
  recordDigest,
  Scope,
} from "@fpzk/core";
import * as limits from "./wire-limits.js";
import {
  COMMAND_KINDS,
  ERROR_NUMBERS,
  HANDSHAKE_TYPES,
  NODE_STATUSES,
  PAYLOAD_KINDS,
  PEER_TYPES,
  REPAIR_REQUESTS,
  REQUEST_TYPES,
  SESSION_TYPES,
  SNAPSHOT_KINDS,
} from "./wire-types.js";

/** Without the padding that a formatter puts into tables. */
const text = readFileSync(new URL("../../../docs/protocol.md", import.meta.url), "utf8").replace(
  / +\|/g,
  " |",
);

/** The rows of the table with this head, as cells. */
function rowsOf(head: string): string[][] {
  const begin = text.indexOf(`| ${head} |\n`);
  assert.notEqual(begin, -1, `docs/protocol.md must have a table headed "| ${head} |"`);
  const table = text.slice(begin).split("\n\n")[0] ?? "";
  return table
    .trimEnd()
    .split("\n")
    .slice(2)
    .map((row) =>
      row
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

function check(head: string, table: Readonly<Record<string, number>>): void {
  const documented = Object.fromEntries(
    rowsOf(`number | ${head}`).map(([number, name]) => [name, Number(number)]),
  );
  assert.deepEqual(documented, { ...table }, `table "${head}" of docs/protocol.md`);
}

test("every table of numbers is the code's", () => {
  check("request", REQUEST_TYPES);
  check("message", SESSION_TYPES);
  check("peer message", PEER_TYPES);
  check("handshake", HANDSHAKE_TYPES);
  check("payload of a route", PAYLOAD_KINDS);
  check("routed command", COMMAND_KINDS);
  check("snapshot kind", SNAPSHOT_KINDS);
  check("repair request", REPAIR_REQUESTS);
  check("node status", NODE_STATUSES);
  check("record kind", RecordKind);
  check("scope", Scope);
  check("instance state", InstanceState);
  check("removal reason", RemovalReason);
  check("error code", ERROR_NUMBERS);
});

test("every message has its fields described", () => {
  const described = (head: string) => rowsOf(`${head} | fields`).map(([name]) => name);
  assert.deepEqual(described("request"), Object.keys(REQUEST_TYPES));
  assert.deepEqual(described("frame"), Object.keys(HANDSHAKE_TYPES));
  assert.deepEqual(described("payload"), Object.keys(PAYLOAD_KINDS));
  const messages = text.split("## Session messages")[1]?.split("## Peer messages");
  assert.equal(messages?.length, 2);
  for (const name of Object.keys(SESSION_TYPES))
    assert.ok(messages[0]?.includes(`\n| ${name} |`), name);
  for (const name of Object.keys(PEER_TYPES))
    assert.ok(messages[1]?.includes(`\n| ${name} |`), name);
});

test("every bound is the code's", () => {
  const documented = Object.fromEntries(
    rowsOf("bound | value").map(([name, value]) => [name, Number(value)]),
  );
  assert.deepEqual(documented, { ...limits });
});

test("the examples of hashes are right", () => {
  const digest = recordDigest({
    kind: RecordKind.instance,
    scope: Scope.global,
    id: "10.0.0.1:8080",
    stamp: { incarnation: 2, session: 3, claim: 0 },
    state: InstanceState.up,
    isSuspect: false,
    body: Uint8Array.of(0x90),
  });
  assert.deepEqual(
    rowsOf("call | result").map(([, result]) => result),
    [
      hashText("orders"),
      hashText("größe", 7),
      hashBytes(Uint8Array.of(1, 2, 255)),
      hashNumber(1_099_511_627_779, 9),
      `[${digest.high}, ${digest.low}]`,
    ].map(String),
  );
});
