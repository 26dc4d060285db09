import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { SeededRandom } from "../random.js";
import { type ApertureMember, aperture, aperturePlace } from "./aperture.js";
import { assertDistribution } from "./distribution.fixture.js";
import { RandomPolicy } from "./random-policy.js";
import { viewInstances } from "./view-instance.fixture.js";

interface Member {
  readonly id: string;
}

function named(prefix: string, count: number): Member[] {
  return Array.from({ length: count }, (_, index) => ({ id: `${prefix}${index}` }));
}

function subsetOf(
  caller: string,
  callers: readonly Member[],
  members: readonly Member[],
): ApertureMember<Member>[] {
  const place = aperturePlace(caller, callers);
  assert.ok(place !== undefined);
  return aperture(members, place);
}

/** Share of a caller's connections that a change makes it open anew, mean over the callers. */
function openedRatio(
  [callers, members]: readonly [readonly Member[], readonly Member[]],
  [callersAfter, membersAfter]: readonly [readonly Member[], readonly Member[]],
): number {
  const staying = callers.filter(({ id }) => callersAfter.some((caller) => caller.id === id));
  const ratios = staying.map(({ id }) => {
    const before = new Set(subsetOf(id, callers, members).map(({ member }) => member.id));
    const after = subsetOf(id, callersAfter, membersAfter);
    return after.filter(({ member }) => !before.has(member.id)).length / after.length;
  });
  return ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
}

describe("aperture", () => {
  it("covers every instance equally often, with the least number of connections", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 200 }),
        (callerCount, memberCount) => {
          const [callers, members] = [named("c", callerCount), named("m", memberCount)];
          const shares = new Map(members.map(({ id }) => [id, 0]));
          for (const { id } of callers) {
            const subset = subsetOf(id, callers, members);
            assert.equal(new Set(subset.map(({ member }) => member.id)).size, subset.length);
            assert.ok(subset.length >= Math.min(12, memberCount));
            const needed = Math.max(12, memberCount / callerCount);
            assert.ok(subset.length <= needed + memberCount / callerCount + 2);
            for (const { member, share } of subset) {
              shares.set(member.id, (shares.get(member.id) ?? 0) + share);
            }
          }
          const [first = 0, ...others] = shares.values();
          for (const share of others) assert.ok(Math.abs(share - first) < 1e-6);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("balances what callers send (χ²)", () => {
    const [callers, members] = [named("c", 40), named("m", 100)];
    const counts = new Map(members.map(({ id }) => [id, 0]));
    const random = new SeededRandom(1);
    for (const { id } of callers) {
      const subset = subsetOf(id, callers, members);
      const shares = new Map(subset.map(({ member, share }) => [member.id, share]));
      const instances = viewInstances(subset.length, (index) => ({
        id: subset[index]?.member.id ?? "",
      }));
      const policy = new RandomPolicy(instances, random);
      for (let call = 0; call < 500; ) {
        const picked = policy.pick("", undefined)?.id ?? "";
        if (random.next() >= (shares.get(picked) ?? 0)) continue;
        counts.set(picked, (counts.get(picked) ?? 0) + 1);
        call += 1;
      }
    }
    assertDistribution(
      [...counts.values()],
      members.map(() => 1),
    );
  });

  it("changes little when an instance leaves or joins, or a caller", () => {
    const [callers, members] = [named("c", 100), named("m", 100)];
    const fewer = members.filter(({ id }) => id !== "m50");
    const fewerCallers = callers.filter(({ id }) => id !== "c50");
    const left = openedRatio([callers, members], [callers, fewer]);
    const joined = openedRatio([callers, fewer], [callers, members]);
    const callerLeft = openedRatio([callers, members], [fewerCallers, members]);
    const callerJoined = openedRatio([fewerCallers, members], [callers, members]);
    // One or two of the 13 that a caller has.
    for (const ratio of [left, joined, callerLeft, callerJoined]) {
      assert.ok(ratio < 2 / 13, `${[left, joined, callerLeft, callerJoined]}`);
    }
    assert.ok(left > 0);
  });

  it("is the same for any order, and everything where a service or its callers are few", () => {
    const [callers, members] = [named("c", 30), named("m", 50)];
    assert.deepEqual(
      subsetOf("c3", callers.toReversed(), members.toReversed()),
      subsetOf("c3", callers, members),
    );
    assert.equal(subsetOf("c3", callers, named("m", 12)).length, 12);
    assert.equal(subsetOf("c0", named("c", 1), members).length, 50);
    assert.equal(aperturePlace("nobody", callers), undefined);
  });
});
