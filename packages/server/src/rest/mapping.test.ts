import assert from "node:assert/strict";
import { test } from "node:test";
import { InstanceLoad, InstanceState, Liveness, type ViewInstance } from "@fpzk/core";
import { entityTag, toInstanceJson } from "./mapping.js";

function suspect(suspicion: ViewInstance["suspicion"]): ViewInstance {
  return {
    ...{ namespace: "default", service: "s", id: "i", since: 1, weight: 100, ownerNodeId: "n1" },
    stamp: { incarnation: 1, session: 0, claim: 0 },
    state: InstanceState.up,
    liveness: Liveness.suspect,
    description: {
      ...{ group: "", version: "", region: "", zone: "", weight: 100, startWallTime: 0 },
      ...{ endpoints: [], metadata: {} },
    },
    load: new InstanceLoad(),
    ...(suspicion === undefined ? {} : { suspicion }),
  };
}

test("an answer shows why an instance is suspect, and its tag changes with that", () => {
  const suspicions = [
    undefined,
    { reason: "silent" },
    { reason: "accused", accuserCount: 2 },
    { reason: "accused", accuserCount: 3 },
  ] as const;
  const tags = suspicions.map((suspicion) => {
    assert.deepEqual(toInstanceJson(suspect(suspicion)).suspicion, suspicion);
    return entityTag({ high: 1, low: 2 }, [suspect(suspicion)]);
  });
  assert.equal(new Set(tags).size, suspicions.length);
});
