/** Every REST route in this process: method, path, headers and body, against the real schemas. */
import {
  createFixture,
  type Fixture,
} from "../../../server/dist/rest/rest-fixture.test.support.js";
import { type Target, Violation } from "../engine/target.js";

const ONE = "/v1/namespaces/default/services/cart/instances/1";
const METHODS = ["GET", "PUT", "POST", "PATCH", "DELETE"] as const;
/** Watches never end by themselves. */
const ENDLESS = /\/watch|[?&]watch/;

let fixture: Fixture | undefined;

/** `[method, path, headers, body]`. */
export const REST: Target = {
  name: "rest",
  form: "json",
  seeds: () =>
    [
      ["PUT", ONE, {}, { endpoints: [{ host: "a", port: 80 }], ttl: "30s", weight: 5 }],
      ["PATCH", ONE, { "content-type": "application/merge-patch+json" }, { weight: null }],
      ["POST", `${ONE}/renew`, {}, undefined],
      ["PUT", `${ONE}/state`, {}, { state: "draining", timeout: 1_000 }],
      ["PUT", `${ONE}/override`, {}, { state: "offline", note: "x" }],
      ["DELETE", `${ONE}?reason=operator`, {}, undefined],
      ["GET", "/v1/services/cart?region=eu&status=up", { "if-none-match": '"a"' }, undefined],
      ["GET", "/v1/namespaces/default/services?limit=5&after=a", {}, undefined],
      ["GET", "/v1/nodes", {}, undefined],
      ["GET", "/openapi.json", {}, undefined],
    ].map((call) => Buffer.from(JSON.stringify(call))),
  words: ["%00", "%2f", "..", "?", "&", "=", "ttl", "timeout", "limit", "state", "removed", ONE],
  start: async () => {
    fixture = await createFixture();
  },
  end: async () => {
    await fixture?.app.close();
    fixture = undefined;
  },
  run: async (input) => {
    const parts = callOf(input);
    if (parts === undefined || fixture === undefined) return;
    const [method, path, headers, body] = parts;
    const answer = await fixture.call(method, path, body, headers);
    if (answer.status >= 500 && answer.status !== 503) {
      throw new Violation(`${method} gave ${answer.status}: ${answer.text.slice(0, 200)}`);
    }
  },
  covers: ["packages/server/dist/rest/", "packages/protocol/dist/"],
  maxBytes: 8 * 1024,
};

type Call = [(typeof METHODS)[number], string, Record<string, string>, unknown];

function callOf(input: Uint8Array): Call | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(input).toString());
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  const [method, path, headers, body] = value as unknown[];
  const known = METHODS.find((each) => each === method) ?? "PUT";
  if (typeof path !== "string" || !path.startsWith("/") || ENDLESS.test(path)) return undefined;
  const named = Object.entries((headers ?? {}) as object).flatMap(([name, text]) => {
    const isHeader = /^[a-z-]{1,40}$/.test(name) && typeof text === "string";
    return isHeader && /^[\x20-\x7e]*$/.test(text) ? [[name, text]] : [];
  });
  return [known, path, Object.fromEntries(named) as Record<string, string>, body];
}
