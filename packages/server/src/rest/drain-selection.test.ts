import assert from "node:assert/strict";
import { test } from "node:test";
import { InstanceLoad, InstanceState, Liveness, type ViewInstance } from "@fpzk/core";
import fc from "fast-check";
import { isSelected, isServing, parseMaxUnavailable, roomOf } from "./drain-selection.js";

function instance(id: string, change: Partial<ViewInstance> = {}): ViewInstance {
  const endpoint = { protocol: "http", host: "10.0.0.1", port: 1, tls: false } as const;
  return {
    namespace: "n",
    service: "s",
    id,
    stamp: { incarnation: 1, session: 1, claim: 0 },
    since: 1,
    state: InstanceState.up,
    liveness: Liveness.alive,
    weight: 100,
    description: {
      group: "",
      version: "1",
      region: "eu",
      zone: "eu-1",
      endpoints: [{ ...endpoint, reach: "internal" }],
      weight: 100,
      metadata: {},
      startWallTime: 0,
    },
    ownerNodeId: "node",
    load: new InstanceLoad(),
    ...change,
  };
}

test("every given part must be equal, a host that of one endpoint", () => {
  const one = instance("a");
  assert.ok(isSelected(one, { zone: "eu-1", version: "1", region: "eu", host: "10.0.0.1" }));
  assert.ok(isSelected(one, {}));
  for (const selector of [{ zone: "eu-2" }, { version: "2" }, { region: "us" }, { host: "h" }]) {
    assert.ok(!isSelected(one, selector), JSON.stringify(selector));
  }
});

test("a share or a count of all may be out, those that are out already included", () => {
  const service = [
    instance("a"),
    instance("b"),
    instance("c", { state: InstanceState.offline }),
    instance("d", { liveness: Liveness.suspect }),
  ];
  const room = (max: number | string | undefined, leaving: string[] = []) =>
    roomOf(service, new Set(leaving), max === undefined ? max : parseMaxUnavailable(max)).roomCount;
  assert.equal(room(undefined), 1);
  assert.equal(room(undefined, ["a"]), 0);
  assert.equal(room("75%"), 1);
  assert.equal(room("74%"), 0);
  assert.equal(room(3), 1);
  assert.equal(room(4), 2);
  assert.equal(room(0), 0);
});

test("what is no count and no share is none", () => {
  for (const text of ["101%", "%", "-1%", "1.5%", "3", ""]) {
    assert.equal(parseMaxUnavailable(text), undefined, text);
  }
  assert.deepEqual(parseMaxUnavailable("25%"), { share: 0.25 });
  assert.deepEqual(parseMaxUnavailable(3), { count: 3 });
});

test("taking what there is room for, one by one, never empties a service", () => {
  const anyInstance = fc.record({
    state: fc.constantFrom(...Object.values(InstanceState)),
    liveness: fc.constantFrom(...Object.values(Liveness)),
  });
  fc.assert(
    fc.property(fc.array(anyInstance, { maxLength: 12 }), (changes) => {
      const service = changes.map((change, index) => instance(`${index}`, change));
      const upCount = service.filter(isServing).length;
      const leaving = new Set<string>();
      for (const one of service.filter(isServing)) {
        if (roomOf(service, leaving, undefined).roomCount > 0) leaving.add(one.id);
      }
      assert.equal(upCount - leaving.size, Math.min(1, upCount));
    }),
  );
});
