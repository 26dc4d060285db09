import assert from "node:assert/strict";
import { it } from "node:test";
import type { RetryCause } from "@fpzk/core";
import { isRepeatable, isRetryableStatus } from "./retry-rule.js";

it("repeats what is safe or idempotent and has no body", () => {
  for (const method of ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]) {
    assert.equal(isRepeatable(method, false), true, method);
    assert.equal(isRepeatable(method, true), false, `${method} with a body`);
  }
  for (const method of ["POST", "PATCH", "CONNECT", "get", ""]) {
    assert.equal(isRepeatable(method, false), false, method);
  }
});

it("asks another instance after those answers that the route names", () => {
  const retriedOn = (...causes: RetryCause[]) =>
    [200, 400, 429, 500, 501, 502, 503, 504, 505].filter((status) =>
      isRetryableStatus(status, new Set(causes)),
    );
  assert.deepEqual(retriedOn("502", "503", "504"), [502, 503, 504]);
  assert.deepEqual(retriedOn("500", "503", "reset"), [500, 503]);
  assert.deepEqual(retriedOn("connect-failure"), []);
});
