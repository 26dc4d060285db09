import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Liveness } from "../instance.js";
import { SeededRandom } from "../random.js";
import { InstanceState } from "../record.js";
import { instant } from "../time.js";
import { createPicker } from "./create-picker.js";
import { PolicyName, type ViewInstance } from "./picker.js";
import { pickerOptions, viewInstance, viewInstances } from "./view-instance.fixture.js";

const NOW = instant(0);
const policies = fc.constantFrom(...Object.values(PolicyName));
const names = fc.constantFrom("", "a", "b", "c");

const instanceOf: fc.Arbitrary<ViewInstance> = fc
  .record({
    id: fc.string({ minLength: 1, maxLength: 4 }),
    state: fc.constantFrom(...Object.values(InstanceState)),
    liveness: fc.constantFrom(...Object.values(Liveness)),
    weight: fc.constantFrom(0, 0, 1, 7, 100, 10_000),
    since: fc.nat(5),
    activeCount: fc.nat(3),
    region: names,
    zone: names,
  })
  .map(viewInstance);

const instancesOf = fc.uniqueArray(instanceOf, { maxLength: 12, selector: ({ id }) => id });

describe("createPicker", () => {
  it("picks an up instance whenever there is one, and never another", () => {
    fc.assert(
      fc.property(
        instancesOf,
        policies,
        fc.record({
          seed: fc.nat(),
          key: fc.string(),
          panicRatio: fc.double({ min: 0, max: 1, noNaN: true }),
          prefersNear: fc.boolean(),
          regionOrder: fc.uniqueArray(names),
          excludedCount: fc.nat(12),
        }),
        (instances, policy, { seed, key, excludedCount, ...rest }) => {
          const random = new SeededRandom(seed);
          const picker = createPicker(instances, pickerOptions({ policy, random, ...rest }));
          const ups = instances.filter(({ state }) => state === InstanceState.up);
          const weighty = ups.filter(({ weight }) => weight > 0);
          const pickable = policy === "oldest" || weighty.length === 0 ? ups : weighty;
          const excluded = new Set(instances.slice(0, excludedCount).map(({ id }) => id));
          const remaining = pickable.filter(({ id }) => !excluded.has(id));
          for (let pick = 0; pick < 20; pick += 1) {
            const picked = picker.pick({ key }, NOW);
            assert.equal(picked !== undefined, ups.length > 0);
            assert.ok(picked === undefined || pickable.includes(picked));
            const retried = picker.pick({ key, excluded }, NOW);
            const allowed = remaining.length > 0 ? remaining : pickable;
            assert.ok(retried === undefined ? allowed.length === 0 : allowed.includes(retried));
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it("leaves a place where a call has failed, when asked to", () => {
    const near = ["a", "b", "c"].map((id) => viewInstance({ id, region: "eu" }));
    const far = viewInstance({ id: "far", region: "us" });
    const doubted = viewInstance({ id: "doubted", region: "ap", liveness: "suspect" });
    const options = pickerOptions({ caller: { region: "eu", zone: "" }, regionOrder: ["us"] });
    const picker = createPicker([...near, far, doubted], options);
    const excluded = new Set(["a", "b"]);
    assert.equal(picker.pick({ excluded }, NOW), near[2]);
    assert.equal(picker.pick({ excluded, prefersElsewhere: true }, NOW), far);
    excluded.add("far");
    assert.equal(picker.pick({ excluded, prefersElsewhere: true }, NOW), near[2]);
  });

  it("tries the next group when the nearest is excluded, and the nearest again when all are", () => {
    const near = viewInstance({ id: "near", region: "eu", zone: "eu-1" });
    const far = viewInstance({ id: "far", region: "us" });
    for (const policy of Object.values(PolicyName)) {
      if (policy === PolicyName.oldest) continue;
      const picker = createPicker(
        [far, near],
        pickerOptions({ policy, caller: { region: "eu", zone: "eu-1" } }),
      );
      assert.equal(picker.pick(undefined, NOW), near, policy);
      assert.equal(picker.pick({ excluded: new Set(["near"]) }, NOW), far, policy);
      assert.equal(picker.pick({ excluded: new Set(["near", "far"]) }, NOW), near, policy);
      assert.equal(picker.pick({ excluded: new Set() }, NOW), near, policy);
    }
  });

  it("gives every caller the same oldest, wherever it is", () => {
    const instances = [
      viewInstance({ id: "b", region: "us", since: 3 }),
      viewInstance({ id: "a", region: "us", since: 3, weight: 0 }),
      viewInstance({ id: "c", region: "eu", since: 9 }),
      ...viewInstances(9, () => ({ region: "us", since: 1, liveness: Liveness.suspect })),
    ];
    for (const region of ["eu", "us", ""]) {
      const caller = { region, zone: "z" };
      const picker = createPicker(instances, pickerOptions({ policy: "oldest", caller }));
      assert.equal(picker.pick(undefined, NOW)?.id, "a");
      assert.equal(picker.pick({ excluded: new Set(["a"]) }, NOW)?.id, "b");
    }
  });

  it("refuses a panicRatio outside 0 to 1", () => {
    for (const panicRatio of [-0.1, 1.1, Number.NaN]) {
      assert.throws(() => createPicker([], pickerOptions({ panicRatio })), /panicRatio/);
    }
  });
});
