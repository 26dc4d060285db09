/** The fuzzer can find: defects are planted, and it must see them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeSessionRequest, encodeSessionRequest } from "@fpzk/protocol";
import { runCampaign } from "./campaign.js";
import type { Target } from "./target.js";

const DURATION_MS = 20_000;

const QUERY = encodeSessionRequest({ type: "query", requestId: 1, service: "orders" });

function planted(change: Partial<Target> & Pick<Target, "run">): Target {
  return {
    name: "planted",
    form: "frame",
    seeds: () => [QUERY.slice()],
    covers: ["packages/protocol/dist/", "/engine/campaign.test"],
    maxBytes: 4_096,
    ...change,
  };
}

const options = { seed: 1, durationMs: DURATION_MS, findingCountMax: 1 };

test("an input that throws is found, and told once", async () => {
  const found: string[] = [];
  const result = await runCampaign(
    planted({
      run: (input) => {
        const decoded = decodeSessionRequest(input);
        if (!decoded.ok || decoded.message.type !== "watch") return;
        if (decoded.message.service.length > 10) throw new TypeError("planted: a long service");
      },
    }),
    {
      ...options,
      corpus: [
        encodeSessionRequest({
          type: "watch",
          requestId: 1,
          service: "o",
          position: [],
          digest: { high: 0, low: 0 },
        }).slice(),
      ],
      executionCountMax: 200_000,
      onFinding: ({ signature }) => found.push(signature),
    },
  );
  assert.equal(result.findings.length, 1, `${result.executionCount} inputs`);
  const [finding] = result.findings;
  assert.match(finding?.message ?? "", /planted: a long service/);
  assert.ok(decodeSessionRequest(finding?.input ?? new Uint8Array()).ok);
  assert.equal(found.length, 1);
});

test("code behind a chain of bytes is reached because coverage guides", async () => {
  const behind = (input: Uint8Array): void => {
    if (input[0] !== 0x46) return;
    if (input[1] !== 0x50) return;
    if (input[2] !== 0x5a) return;
    if (input[3] === 0x4b) throw new Error("planted: behind four bytes");
  };
  const target = planted({ form: "bytes", seeds: () => [new Uint8Array(6)], run: behind });
  const guided = await runCampaign(target, { ...options, executionCountMax: 400_000 });
  assert.equal(guided.findings.length, 1, `${guided.executionCount} inputs`);
});

test("an input that keeps the thread for long is found", async () => {
  const result = await runCampaign(
    planted({
      form: "bytes",
      run: (input) => {
        if (input.length < 30) return;
        const before = process.cpuUsage();
        while (process.cpuUsage(before).user < 150_000);
      },
    }),
    { ...options, executionCountMax: 20_000, durationMs: 10_000 },
  );
  assert.ok(result.findings.some(({ kind }) => kind === "hang"));
});

test("memory that grows is found", async () => {
  const kept: number[][] = [];
  let keptAtMs = 0;
  const result = await runCampaign(
    planted({
      run: () => {
        if (performance.now() < keptAtMs + 1) return;
        keptAtMs = performance.now();
        kept.push(new Array<number>(10_000).fill(0.5));
      },
    }),
    { ...options, durationMs: 4_000 },
  );
  assert.ok(result.findings.some(({ kind }) => kind === "memory") && kept.length > 0);
});

test("one seed makes one sequence of inputs", async () => {
  const play = async () => {
    const inputs: string[] = [];
    const run = (input: Uint8Array) => void inputs.push(Buffer.from(input).toString("hex"));
    const { covers: _, ...unguided } = planted({ run });
    await runCampaign(unguided, { ...options, executionCountMax: 500 });
    return inputs.slice(0, 400);
  };
  assert.deepEqual(await play(), await play());
});
