/** What was found once stays mended, and a short campaign of every target in this process. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LOCAL_TARGETS } from "./all-targets.js";
import { runCampaign } from "./engine/campaign.js";
import { judge } from "./engine/judge.js";
import { corpusOf, corpusTargets } from "./findings.js";

/** For each target; more than its seeds on any machine. */
const SMOKE_MS = 300;
/** The same in each run, as with properties; `random` for others. */
const SEED = Number(process.env.FPZK_TEST_SEED ?? 1) || Date.now() % 2 ** 31;

test("every folder of the corpus belongs to a target", () => {
  const names = LOCAL_TARGETS.map(({ name }) => name);
  for (const name of corpusTargets()) assert.ok(names.includes(name), `corpus/${name}`);
  assert.ok(corpusTargets().length > 0);
});

for (const target of LOCAL_TARGETS) {
  const corpus = corpusOf(target.name);
  test(`${target.name}: ${corpus.length} that failed once`, async () => {
    await target.start?.();
    for (const { name, input } of corpus) {
      const failure = await judge(target, input);
      assert.equal(failure, undefined, `${name}: ${failure?.message}`);
    }
    await target.end?.();
  });

  test(`${target.name}: a moment of new inputs`, async () => {
    const result = await runCampaign(target, { seed: SEED, durationMs: SMOKE_MS });
    assert.ok(result.executionCount > 0);
    assert.deepEqual(
      result.findings.map(({ kind, message, input }) => {
        return { kind, message, input: Buffer.from(input).toString("base64") };
      }),
      [],
    );
  });
}
