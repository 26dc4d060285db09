import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import fc from "fast-check";
import { readSnapshotFile, writeSnapshotFile } from "./snapshot-file.js";

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "fpzk-snapshot-"));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("what is written is read, and no temporary file is left", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "table.snapshot");
    const chunkArbitrary = fc.uint8Array({ minLength: 1, maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(fc.array(chunkArbitrary, { maxLength: 20 }), async (chunks) => {
        await writeSnapshotFile(path, chunks);
        const result = await readSnapshotFile(path, 1);
        assert.equal(result.kind, "chunks");
        if (result.kind !== "chunks") return;
        assert.deepEqual(
          result.chunks.map((chunk) => [...chunk]),
          chunks.map((chunk) => [...chunk]),
        );
      }),
      { numRuns: 20 },
    );
    assert.deepEqual(await readdir(folder), ["table.snapshot"]);
  });
});

test("any cut and any flipped bit is noticed, and the file is set aside", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "table.snapshot");
    await writeSnapshotFile(path, [Buffer.from("hello"), Buffer.from("world")]);
    const good = await readFile(path);
    for (let at = 0; at < good.length; at += 1) {
      const flipped = Buffer.from(good);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      for (const bad of [flipped, good.subarray(0, at)]) {
        await writeFile(path, bad);
        const result = await readSnapshotFile(path, 7);
        assert.equal(result.kind, "corrupt", `byte ${at}`);
      }
    }
    assert.deepEqual(await readdir(folder), ["table.snapshot.corrupt-7"]);
  });
});

test("a missing file is no error", async () => {
  await inFolder(async (folder) => {
    assert.deepEqual(await readSnapshotFile(join(folder, "none"), 1), { kind: "missing" });
  });
});

test("a write that fails leaves the old file", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "table.snapshot");
    await writeSnapshotFile(path, [Buffer.from("old")]);
    function* broken(): Generator<Uint8Array> {
      yield Buffer.from("new");
      throw new Error("disk on fire");
    }
    await assert.rejects(writeSnapshotFile(path, broken()), /disk on fire/);
    const result = await readSnapshotFile(path, 1);
    assert.equal(result.kind === "chunks" && String(result.chunks[0]), "old");
    assert.deepEqual(await readdir(folder), ["table.snapshot"]);
  });
});
