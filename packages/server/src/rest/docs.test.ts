/** The documents say what the code does, both ways. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ERROR_CODES, HTTP_JSON_DEPTH_MAX, HTTP_WATCH_COUNT_MAX, RemovalReason } from "@fpzk/core";
import { reasonName } from "./mapping.js";
import { allRoutes, REST_BODY_MAX_BYTES } from "./rest-face.js";

const read = (name: string) =>
  readFileSync(new URL(`../../../../docs/${name}`, import.meta.url), "utf8");

test("docs/errors.md lists every code with its status and retry", () => {
  const rows = read("errors.md").matchAll(/^\| `(\w+)` +\| (\d+) +\| (yes|no) +\|/gm);
  const documented = new Map(
    [...rows].map(([, code, status, retry]) => [code, `${status} ${retry}`]),
  );
  const real = Object.entries(ERROR_CODES).map(([code, { httpStatus, isRetryable }]) => {
    return [code, `${httpStatus} ${isRetryable ? "yes" : "no"}`] as const;
  });
  assert.deepEqual([...documented].sort(), real.sort());
});

test("docs/rest.md lists every route, and no other", () => {
  const rows = read("rest.md").matchAll(/^\| `([A-Z]+) (\/\S+)` +\|/gm);
  const documented = [...rows].map(([, method, path]) => `${method} ${path}`);
  const real = allRoutes({ version: "0", isMetricsPublic: false })
    .filter(({ operationId }) => !operationId.endsWith("InDefault"))
    .map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual(documented.sort(), real.sort());
});

test("docs/rest.md states the bounds and the reasons that the code has", () => {
  const text = read("rest.md");
  assert.ok(
    text.includes(`at most ${REST_BODY_MAX_BYTES / 1024} KiB and ${HTTP_JSON_DEPTH_MAX} levels`),
  );
  assert.ok(text.includes(`at most ${HTTP_WATCH_COUNT_MAX} HTTP watches`));
  const { none: _none, left: _left, ...reasons } = RemovalReason;
  for (const reason of Object.values(reasons)) {
    assert.ok(text.includes(`\`${reasonName(reason)}\``), reasonName(reason));
  }
});
