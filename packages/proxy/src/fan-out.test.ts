import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { FAN_OUT_BODY_MAX_BYTES, type FanOutSummary } from "./fan-out.js";
import {
  type RequestListener,
  refusingPort,
  startFixture,
  startInstance,
} from "./proxy-fixture.test.util.js";

/** A proxy in dynamic mode over instances `i0`, `i1` … of service `s`. */
async function startAll(t: TestContext, ...listeners: (RequestListener | "refuses")[]) {
  const fixture = await startFixture(t, {
    ...{ routes: [], isDynamic: true, limits: { answerTimeoutMs: 200 } },
  });
  const addresses: { id: string; port: number }[] = [];
  for (const [at, listener] of listeners.entries()) {
    const port =
      listener === "refuses" ? await refusingPort() : (await startInstance(t, listener)).port;
    addresses.push({ id: `i${at}`, port });
  }
  fixture.directory.set("s", ...addresses);
  const ask = async (headers: Record<string, string>, method = "GET", body?: string) => {
    const answer = await fetch(`${fixture.proxy.url}/s/x?y`, {
      ...{ method, headers },
      ...(body === undefined ? {} : { body }),
    });
    const text = await answer.text();
    const summary = (text === "" ? {} : JSON.parse(text)) as FanOutSummary & { detail?: string };
    return { status: answer.status, summary };
  };
  return { ...fixture, ask };
}

const answers =
  (status: number, body = ""): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { "content-type": "text/plain" }).end(body);
  };
const silent: RequestListener = () => {};
const outcomes = ({ results }: FanOutSummary) => results.map((one) => `${one.id} ${one.outcome}`);

describe("broadcast and quorum", () => {
  it("broadcast asks every instance and tells what each answered", async (t) => {
    const seen: string[] = [];
    const echo: RequestListener = (request, response) => {
      seen.push(`${request.method} ${request.url}`);
      response.setHeader("content-type", "text/plain");
      response.end("done");
    };
    const { ask, directory, nextEntry } = await startAll(t, echo, echo, echo);
    const { status, summary } = await ask({ "x-fpzk-policy": "broadcast" }, "DELETE");
    assert.deepEqual(seen, ["DELETE /x?y", "DELETE /x?y", "DELETE /x?y"]);
    const { results, ...rest } = summary;
    assert.deepEqual(
      [status, rest],
      [200, { service: "s", quorum: "all", requiredCount: 3, successCount: 3, isFulfilled: true }],
    );
    for (const { outcome, statusCode, body, durationMs } of results) {
      assert.deepEqual([outcome, statusCode, body], ["success", 200, "done"]);
      assert.ok((durationMs ?? -1) >= 0);
    }
    const entry = await nextEntry();
    assert.deepEqual([entry.attemptCount, entry.outcome, entry.statusCode], [3, "completed", 200]);
    assert.equal(directory.heldCount, 0);
  });

  it("answers as soon as the condition holds, or can hold no more", async (t) => {
    const { ask, directory } = await startAll(t, answers(200), silent, answers(204));
    const quorum = (word?: string) =>
      ask({ "x-fpzk-policy": "quorum", ...(word === undefined ? {} : { "x-fpzk-quorum": word }) });
    const majority = await quorum();
    assert.deepEqual([majority.status, majority.summary.requiredCount], [200, 2]);
    assert.deepEqual(outcomes(majority.summary), ["i0 success", "i1 pending", "i2 success"]);
    assert.equal((await quorum("any")).status, 200);
    assert.equal((await quorum("2")).status, 200);
    const all = await quorum("all");
    assert.deepEqual([all.status, all.summary.isFulfilled], [504, false], "one never answers");
    assert.equal((await quorum("4")).status, 503);
    assert.equal(directory.heldCount, 0);
  });

  it("names what failed, and how", async (t) => {
    const { ask, directory } = await startAll(t, answers(500, "broken"), "refuses", answers(200));
    const { status, summary } = await ask({ "x-fpzk-policy": "quorum" });
    // Two failures decide it: whether the third has answered by then does not count.
    assert.deepEqual([status, summary.isFulfilled], [502, false]);
    const [broken, refusing] = summary.results;
    assert.deepEqual(
      [broken?.outcome, broken?.statusCode, broken?.body],
      ["failure", 500, "broken"],
    );
    assert.equal(refusing?.outcome, "failure");
    assert.match(refusing.error ?? "", /ECONNREFUSED/);
    assert.equal(directory.heldCount, 0);
  });

  it("holds a bounded part of each body, and only of text", async (t) => {
    const long = "x".repeat(100_000);
    const binary: RequestListener = (_request, response) => {
      response.setHeader("content-type", "image/png");
      response.end("png");
    };
    const { ask } = await startAll(t, answers(200, long), binary);
    const { summary } = await ask({ "x-fpzk-policy": "broadcast" });
    const [first, second] = summary.results;
    assert.deepEqual([first?.body?.length, first?.isBodyCut], [FAN_OUT_BODY_MAX_BYTES, true]);
    assert.deepEqual([second?.body, second?.outcome], [undefined, "success"]);
  });

  it("refuses what could not be sent twice, and what has a body", async (t) => {
    const { ask } = await startAll(t, answers(200));
    const headers = { "x-fpzk-policy": "broadcast" };
    for (const [method, body] of [
      ["POST", undefined],
      ["PUT", "body"],
    ] as const) {
      const { status, summary } = await ask(headers, method, body);
      assert.equal(status, 400);
      assert.match(summary.detail ?? "", /asked only by GET/);
    }
    assert.equal((await ask(headers, "HEAD")).status, 200);
  });
});
