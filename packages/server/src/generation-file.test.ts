import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { nextGeneration } from "./generation-file.js";
import { silentLogger } from "./logger.js";

test("generations rise, also when the wall clock goes back or the file breaks", async () => {
  const folder = await mkdtemp(join(tmpdir(), "fpzk-generation-"));
  try {
    const path = join(folder, "data", "generation.json");
    assert.equal(await nextGeneration(path, 1_000, silentLogger), 1_000);
    assert.equal(await nextGeneration(path, 500, silentLogger), 1_001);
    assert.equal(await nextGeneration(path, 5_000, silentLogger), 5_000);
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (event: string) => warnings.push(event) };
    for (const broken of ["", "{}", "null", '{"generation":-1}', '{"generation":1e400}']) {
      await writeFile(path, broken);
      assert.equal(await nextGeneration(path, 9_000, logger), 9_000);
    }
    assert.deepEqual(new Set(warnings), new Set(["generation.unreadable"]));
    assert.equal(warnings.length, 5);
    assert.equal(await nextGeneration(undefined, 77, silentLogger), 77);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a generation that cannot be stored is said so, and the node starts with it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "fpzk-generation-"));
  try {
    // A folder in the file's place: what is written beside it cannot be put there.
    const path = join(folder, "generation.json");
    await mkdir(path);
    const errors: string[] = [];
    const logger = { ...silentLogger, error: (event: string) => errors.push(event) };
    assert.equal(await nextGeneration(path, 4_000, logger), 4_000);
    assert.deepEqual(errors, ["generation.not-stored"]);
    assert.deepEqual(await readdir(folder), ["generation.json"], "nothing half written is left");
  } finally {
    await rm(folder, { recursive: true });
  }
});
