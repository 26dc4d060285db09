import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { checkName, type NameKind } from "./index.js";
import { findTextProblem, show } from "./names.js";

function check(kind: NameKind, value: unknown, expected: string | undefined): void {
  assert.equal(checkName(kind, value)?.message, expected);
}

test("names that are allowed", () => {
  check("service", "orders", undefined);
  check("service", "größe 2", undefined);
  check("service", "n".repeat(200), undefined);
  check("id", "http://10.0.0.1:80/", undefined);
  check("id", "😀", undefined);
  check("group", "", undefined);
  check("region", "", undefined);
});

test("names that are refused say what and why", () => {
  check("service", "", 'service "" must have 1 to 200 bytes');
  check("service", "a/b", "service \"a/b\" must have no '/', but has one at 1");
  check("namespace", "a/b", "namespace \"a/b\" must have no '/', but has one at 1");
  check("service", 7, "service 7 must be a text");
  check("service", undefined, "service undefined must be a text");
  check("id", "a\nb", 'id "a\\nb" must have no control characters, but has U+000A at 1');
  check("id", "\ud800", 'id "\\ud800" must be Unicode, but has half a surrogate pair at 0');
  check(
    "id",
    "\udc00\ud800",
    'id "\\udc00\\ud800" must be Unicode, but has half a surrogate pair at 0',
  );
  check("id", "\ufeffa", 'id "\ufeffa" must be whole Unicode, but has U+FEFF at 0');
  check("id", "a\ufffd", 'id "a\ufffd" must be whole Unicode, but has U+FFFD at 1');
  assert.match(checkName("id", "x".repeat(201))?.message ?? "", /^id "x+… must have at most 200/);
});

test("bytes are counted as UTF-8 counts them", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 40 }), (text) => {
      const byteCount = Buffer.byteLength(text);
      fc.pre(!/\p{Cc}|\ufeff|\ufffd/u.test(text) && byteCount > 0);
      assert.equal(findTextProblem(text, byteCount), undefined);
      assert.notEqual(findTextProblem(text, byteCount - 1), undefined);
    }),
  );
});

test("any value can be shown in a line", () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      assert.ok(show(value).length <= 80);
    }),
  );
});
