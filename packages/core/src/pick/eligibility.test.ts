import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InstanceState } from "../record.js";
import { eligibleInstances } from "./eligibility.js";
import { viewInstance } from "./view-instance.fixture.js";

const { up, offline, draining, removed } = InstanceState;

function check(
  states: readonly [InstanceState, number][],
  heedsWeight: boolean,
  ids: string,
): void {
  const instances = states.map(([state, weight], index) =>
    viewInstance({ id: String(index), state, weight }),
  );
  const eligible = eligibleInstances(instances, heedsWeight);
  assert.equal(eligible.map(({ id }) => id).join(""), ids);
}

describe("eligibleInstances", () => {
  it("keeps those that are up", () => {
    check([], true, "");
    check(
      [
        [offline, 1],
        [up, 1],
        [draining, 1],
        [removed, 1],
        [up, 2],
      ],
      true,
      "14",
    );
  });

  it("leaves out weight 0 unless all that are up have it", () => {
    check(
      [
        [up, 0],
        [up, 5],
      ],
      true,
      "1",
    );
    check(
      [
        [up, 0],
        [offline, 5],
        [up, 0],
      ],
      true,
      "02",
    );
  });

  it("heeds no weight for a leader", () => {
    check(
      [
        [up, 0],
        [up, 5],
      ],
      false,
      "01",
    );
  });
});
