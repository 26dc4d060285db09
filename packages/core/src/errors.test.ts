import assert from "node:assert/strict";
import { test } from "node:test";
import { ERROR_CODES, ErrorCode, isErrorCode, isRegistryError, RegistryError } from "./errors.js";

test("an error names its code in front, and keeps its cause", () => {
  const cause = new TypeError("socket hang up");
  const error = new RegistryError(ErrorCode.unavailable, "no node answers", { cause });
  assert.equal(error.message, "[unavailable] no node answers");
  assert.equal(error.code, "unavailable");
  assert.equal(error.cause, cause);
});

test("from: a registry error stays itself, all else is unknown with its cause", () => {
  const own = new RegistryError(ErrorCode.notFound, "gone");
  assert.equal(RegistryError.from(own), own);
  const check = (value: unknown, text: string) => {
    const error = RegistryError.from(value);
    assert.equal(error.code, "unknown");
    assert.equal(error.message, `[unknown] ${text}`);
    assert.equal(error.cause, value);
  };
  check(new RangeError("too far"), "too far");
  check("plain", "plain");
  check(undefined, "undefined");
});

test("an error of another copy of the package is known by name and code, not by class", () => {
  const foreign = Object.assign(new Error("[aborted] x"), {
    name: "RegistryError",
    code: "aborted",
  });
  assert.ok(isRegistryError(foreign));
  assert.ok(!isRegistryError(Object.assign(new Error("x"), { code: "aborted" })));
  assert.ok(!isRegistryError(Object.assign(new Error("x"), { name: "RegistryError" })));
  assert.ok(!isRegistryError({ name: "RegistryError", code: "aborted" }));
});

test("codes: every one is listed once, inherited names are none", () => {
  assert.deepEqual(Object.keys(ERROR_CODES).sort(), Object.values(ErrorCode).sort());
  assert.ok(isErrorCode("not_found"));
  for (const no of ["toString", "constructor", "__proto__", "", 5, undefined]) {
    assert.ok(!isErrorCode(no), String(no));
  }
});

test("only what may pass by itself is retryable", () => {
  const retryable = Object.entries(ERROR_CODES).filter(([, one]) => one.isRetryable);
  assert.deepEqual(retryable.map(([code]) => code).sort(), [
    "aborted",
    "deadline_exceeded",
    "resource_exhausted",
    "unavailable",
  ]);
  for (const [code, { httpStatus }] of Object.entries(ERROR_CODES)) {
    assert.ok(httpStatus >= 400 && httpStatus < 600, code);
  }
});
