import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { passableTrailers, passedCount, requestHeaders, responseHeaders } from "./headers.js";

const ORIGIN = {
  remoteAddress: "9.9.9.9",
  isTls: false,
  host: "h",
  httpVersion: "1.1",
  trustsForwarded: false,
};
const ADDED = {
  host: "h",
  "x-forwarded-for": "9.9.9.9",
  "x-forwarded-proto": "http",
  "x-forwarded-host": "h",
  via: "1.1 fpzk",
};

function asObject(raw: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] ?? "").toLowerCase();
    assert.equal(fields[name], undefined, `${name} occurs twice`);
    fields[name] = raw[index + 1] ?? "";
  }
  return fields;
}

describe("requestHeaders", () => {
  it("removes what is of one hop, and what Connection names", () => {
    const raw = [
      ...["Connection", "close, X-Secret, Keep-Alive", "X-Secret", "1", "Keep-Alive", "timeout=1"],
      ...["TE", "gzip", "Transfer-Encoding", "chunked", "Upgrade", "x", "Proxy-Authorization", "p"],
      ...[
        "Proxy-Connection",
        "keep-alive",
        "Expect",
        "100-continue",
        "Host",
        "other",
        "X-Kept",
        "k",
      ],
    ];
    assert.deepEqual(asObject(requestHeaders(raw, ORIGIN)), { "x-kept": "k", ...ADDED });
  });

  it("does not let Connection remove what frames or addresses the message", () => {
    const raw = ["connection", "content-length, host, via", "content-length", "3", "host", "h"];
    assert.deepEqual(asObject(requestHeaders(raw, ORIGIN)), { "content-length": "3", ...ADDED });
  });

  it("passes te: trailers and nothing else of TE", () => {
    const fields = asObject(requestHeaders(["TE", "gzip, Trailers"], ORIGIN));
    assert.equal(fields["te"], "trailers");
  });

  it("replaces what a caller says of forwarding, or extends it when trusted", () => {
    const raw = [
      ...["x-forwarded-for", "1.1.1.1", "X-Forwarded-For", "2.2.2.2", "forwarded", "for=1.1.1.1"],
      ...["x-forwarded-proto", "https", "x-forwarded-host", "front", "via", "1.0 a"],
    ];
    assert.deepEqual(asObject(requestHeaders(raw, ORIGIN)), { ...ADDED, via: "1.0 a, 1.1 fpzk" });
    assert.deepEqual(asObject(requestHeaders(raw, { ...ORIGIN, trustsForwarded: true })), {
      host: "h",
      "x-forwarded-for": "1.1.1.1, 2.2.2.2, 9.9.9.9",
      "x-forwarded-proto": "https",
      "x-forwarded-host": "front",
      forwarded: "for=1.1.1.1",
      via: "1.0 a, 1.1 fpzk",
    });
  });
});

describe("responseHeaders", () => {
  it("removes what is of one hop and keeps repeated fields", () => {
    const raw = [
      ...["Set-Cookie", "a=1", "Set-Cookie", "b=2", "Connection", "x-hop", "X-Hop", "1"],
      ...["Transfer-Encoding", "chunked", "Trailer", "x-sum"],
    ];
    const kept = ["Set-Cookie", "a=1", "Set-Cookie", "b=2", "Trailer", "x-sum", "via", "1.1 fpzk"];
    assert.deepEqual(responseHeaders(raw), kept);
  });

  it("announces no trailers of an answer with a length", () => {
    const headers = responseHeaders(["content-length", "3", "trailer", "x-sum"]);
    assert.deepEqual(headers, ["content-length", "3", "via", "1.1 fpzk"]);
  });
});

describe("passableTrailers", () => {
  it("drops what may not change after the header", () => {
    const trailers = [
      "x-sum",
      "1",
      "Set-Cookie",
      "a",
      "content-length",
      "1",
      "X-L",
      "c",
      "x-l",
      "d",
    ];
    assert.deepEqual(passableTrailers(trailers), ["x-sum", "1", "X-L", "c", "x-l", "d"]);
  });
});

describe("passedCount", () => {
  it("counts FPZK proxies in every Via", () => {
    assert.equal(
      passedCount(["via", "1.1 fpzk, 1.0 other", "Via", "1.1 fpzk (note),1.1 fpzkx"]),
      2,
    );
  });
});
