import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { ReadBuffers } from "./read-buffers.js";

it("hands on what was read, and never writes over it", () => {
  const reads = fc.array(
    fc.record({ who: fc.nat(2), sizeBytes: fc.constantFrom(1, 1_000, 32_768, 65_536) }),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(reads, (list) => {
      const seen: Buffer[] = [];
      const connections = [0, 1, 2].map(() => new ReadBuffers((chunk) => seen.push(chunk)));
      for (const [index, { who, sizeBytes }] of list.entries()) {
        const connection = connections[who];
        assert.ok(connection !== undefined);
        // As a socket does: it fills the memory that it was given last, then tells how much.
        connection.buffer().fill(index, 0, sizeBytes);
        assert.equal(connection.callback(sizeBytes), true);
      }
      for (const [index, { sizeBytes }] of list.entries()) {
        assert.ok(seen[index]?.equals(Buffer.alloc(sizeBytes, index)), `read ${index}`);
      }
    }),
    { numRuns: 50 },
  );
});
