import assert from "node:assert/strict";
import { test } from "node:test";
import type { InstanceJson } from "./answers.js";
import { livenessText } from "./instance-table.js";

test("an instance's liveness says why it is suspect, where the node knows it", () => {
  const check = (suspicion: InstanceJson["suspicion"], expected: string): void => {
    const instance = {
      ...{ service: "s", id: "i", state: "up", liveness: "suspect", weight: 100 },
      ...{ group: "", version: "", region: "", zone: "", endpoints: [], metadata: {} },
      ...(suspicion === undefined ? {} : { suspicion }),
    };
    assert.equal(livenessText(instance), expected);
  };
  check(undefined, "suspect");
  check({ reason: "silent" }, "suspect: silent");
  check({ reason: "accused", accuserCount: 2 }, "suspect: accused by 2 callers");
});
