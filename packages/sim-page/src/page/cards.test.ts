/** Whatever a person does on the map, the world goes on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Choice } from "../map/map-view.js";
import { type Picture, pictureOf } from "../map/picture.js";
import { Camps } from "../witness/content.js";
import { Witness } from "../witness/witness.js";
import type { Deed } from "../world/deed.js";
import { TownPlay } from "../world/play.js";
import { CALM_AT_MS, Town } from "../world/town.js";
import { cardOf } from "./cards.js";

const AFTER_MS = 6_000;

class Table {
  readonly play = new TownPlay(new Town({ seed: 3, unregistered: ["B"] }), () => []);
  readonly #witness = new Witness(this.play.world);
  #now = CALM_AT_MS;

  constructor() {
    this.play.advance(this.#now);
  }

  get picture(): Picture {
    return pictureOf(this.play, this.#witness, new Camps());
  }

  /** Does what a card offers; false when it does not offer it. */
  choose(choice: Choice, label: string): boolean {
    const perform = (deed: Deed) => this.play.town.perform(deed);
    const action = cardOf(choice, this.picture, perform)?.actions.find(
      (each) => each.label === label,
    );
    action?.run();
    return action !== undefined;
  }

  pass(durationMs: number): void {
    this.#now += durationMs;
    this.play.advance(this.#now);
    assert.deepEqual(this.play.failures, []);
  }
}

const CHOICES: readonly Choice[] = [
  { type: "actor", key: "us-1" },
  { type: "actor", key: "A" },
  { type: "actor", key: "B" },
  { type: "actor", key: "proxy-ap" },
  { type: "region", key: "eu" },
];

test("everything that a card offers can be done", () => {
  for (const choice of CHOICES) {
    const labels = cardOf(choice, new Table().picture, () => {})?.actions.map(({ label }) => label);
    assert.ok(labels !== undefined && labels.length > 0, JSON.stringify(choice));
    for (const label of labels) {
      const table = new Table();
      assert.ok(table.choose(choice, label), label);
      table.pass(AFTER_MS);
    }
  }
});

test("who is down can be started, and who is cut off reconnected", () => {
  const table = new Table();
  const node = { type: "actor", key: "us-1" } as const;
  const region = { type: "region", key: "ap" } as const;
  assert.ok(table.choose(node, "kill -9"));
  assert.ok(table.choose(region, "cut off"));
  table.pass(AFTER_MS);
  assert.ok(table.choose(node, "start"));
  assert.ok(table.choose(region, "reconnect"));
  table.pass(AFTER_MS);
  const { nodes, contentCount } = table.picture;
  assert.ok(nodes.every(({ condition }) => condition === "up"));
  assert.equal(contentCount, 1);
});

test("a way is cut one way, the other way, and mended", () => {
  const table = new Table();
  const [way] = table.picture.ways.filter(({ kind }) => kind === "link");
  assert.ok(way !== undefined);
  const { a, b } = way;
  const choice = { type: "way", a, b } as const;
  const now = () => table.picture.ways.find((each) => each.a === a && each.b === b);
  assert.ok(table.choose(choice, `cut ${a} → ${b}`));
  assert.deepEqual([now()?.isCutThere, now()?.isCutBack], [true, false]);
  table.pass(AFTER_MS);
  assert.ok(table.choose(choice, `cut ${b} → ${a}`));
  assert.deepEqual([now()?.isCutThere, now()?.isCutBack], [true, true]);
  table.pass(AFTER_MS);
  assert.ok(table.choose(choice, "mend"));
  assert.deepEqual([now()?.isCutThere ?? false, now()?.isCutBack ?? false], [false, false]);
});

test("where nobody may interfere, a card says why and offers nothing", () => {
  const card = cardOf({ type: "actor", key: "us-1" }, new Table().picture, undefined);
  assert.deepEqual(card?.actions, []);
  assert.match(card?.remark ?? "", /free world/);
});
