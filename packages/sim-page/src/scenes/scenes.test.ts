/** What the captions of the scenes say, checked by playing them: no browser is needed. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Picture, pictureOf } from "../map/picture.js";
import { Camps } from "../witness/content.js";
import { Witness } from "../witness/witness.js";
import type { Play } from "../world/play.js";
import { PROGRAMS } from "../world/town.js";
import { SCENES } from "./scenes.js";
import { showScene } from "./show.js";

const CAPTION_LENGTH_MAX = 330;
const VIEW_COUNT = 6;

/** A scene being played, with what can be asked about it. */
class Played {
  readonly told: string[] = [];
  readonly durationMs: number;
  readonly #play: Play;
  readonly #witness: Witness;
  readonly #camps = new Camps();
  readonly #startsAt: number;

  constructor(id: string) {
    const scene = SCENES.find((each) => each.id === id);
    assert.ok(scene !== undefined, `no scene ${id}`);
    const show = showScene(scene);
    this.durationMs = scene.durationMs;
    this.#startsAt = show.startsAt;
    this.#play = show.create();
    this.#witness = new Witness(this.#play.world);
    this.#play.advance(this.#startsAt);
    this.#witness.log.clear();
    this.#play.onTold = (_tone, text) => this.told.push(text);
  }

  to(at: number): this {
    this.#play.advance(this.#startsAt + at);
    assert.deepEqual(this.#play.failures, []);
    return this;
  }

  get picture(): Picture {
    return pictureOf(this.#play, this.#witness, this.#camps);
  }

  get contentCount(): number {
    return this.picture.contentCount;
  }

  /** Lines of the log, without who saw them. */
  get lines(): string[] {
    return this.#witness.log.lines.map(({ text }) => text);
  }

  /** How each view shows an instance: `absent` when it does not. */
  looks(name: string, regions = /./): string[] {
    return this.picture.clients
      .filter(({ role, region }) => role !== "program" && regions.test(region))
      .map(({ view }) => view?.find((box) => box.name === name)?.look ?? "absent");
  }

  isEverywhere(name: string, look: string): boolean {
    const looks = this.looks(name);
    assert.equal(looks.length, VIEW_COUNT);
    return looks.every((each) => each === look);
  }
}

describe("scenes", () => {
  it("are told in order, in captions that one can read", () => {
    assert.equal(new Set(SCENES.map(({ id }) => id)).size, SCENES.length);
    for (const { id, steps, durationMs } of SCENES) {
      const times = steps.map(({ at }) => at);
      assert.deepEqual(
        times,
        times.toSorted((a, b) => a - b),
        id,
      );
      assert.equal(times[0], 0, id);
      assert.ok((times.at(-1) ?? 0) < durationMs, id);
      assert.ok(steps[0]?.caption !== undefined && steps[0].speed !== undefined, id);
      for (const { caption = "" } of steps) {
        assert.ok(caption.length <= CAPTION_LENGTH_MAX, `${id}: ${caption.length} ${caption}`);
      }
    }
  });

  it("registration: every caller knows one way over the longest wire later", () => {
    const played = new Played("registration");
    assert.ok(played.to(1_199).isEverywhere("A", "absent"));
    assert.ok(!played.to(1_240).isEverywhere("A", "alive"), "the longest wire takes 80 ms");
    assert.equal(played.contentCount, 2);
    assert.ok(played.to(1_420).isEverywhere("A", "alive"));
    assert.equal(played.contentCount, 1);
  });

  it("kill: suspect at once, removed after the grace", () => {
    const played = new Played("kill");
    assert.ok(played.to(999).isEverywhere("C", "alive"));
    assert.ok(played.to(1_130).isEverywhere("C", "suspect"));
    assert.ok(played.to(2_950).isEverywhere("C", "suspect"));
    assert.ok(played.to(played.durationMs).isEverywhere("C", "absent"));
    assert.ok(played.lines.includes("C is removed: connection-lost"));
  });

  it("hang: suspect after 3 seconds of silence, alive when it wakes", () => {
    const played = new Played("hang");
    assert.ok(played.to(2_900).isEverywhere("B", "alive"));
    assert.ok(played.to(4_200).isEverywhere("B", "suspect"));
    assert.ok(played.to(5_900).isEverywhere("B", "suspect"));
    assert.ok(played.to(6_500).isEverywhere("B", "alive"));
  });

  it("node-death: sessions move, and no view loses an instance", () => {
    const played = new Played("node-death");
    const victims = played.to(999).picture.clients.filter(({ nodeKey }) => nodeKey === "us-2");
    assert.ok(victims.length >= 2, "somebody has a session there");
    played.to(3_000);
    for (const { key, nodeKey } of played.picture.clients) {
      assert.ok(nodeKey !== undefined && nodeKey !== "us-2", `${key} at ${nodeKey}`);
    }
    played.to(played.durationMs);
    assert.deepEqual(
      played.lines.filter((line) => line.includes("removed")),
      [],
    );
    for (const name of Object.keys(PROGRAMS)) assert.ok(played.isEverywhere(name, "alive"), name);
    const back = played.picture.nodes.find(({ key }) => key === "us-2");
    assert.equal(back?.condition, "up");
    assert.equal(played.contentCount, 1);
  });

  it("region-cut: unreachable on either side, removed by nobody", () => {
    const played = new Played("region-cut");
    played.to(12_900);
    for (const name of ["E", "F"]) {
      assert.deepEqual(new Set(played.looks(name, /us|eu/)), new Set(["unreachable"]));
      assert.deepEqual(new Set(played.looks(name, /ap/)), new Set(["alive"]));
    }
    assert.deepEqual(new Set(played.looks("A", /ap/)), new Set(["unreachable"]));
    assert.deepEqual(new Set(played.looks("A", /us|eu/)), new Set(["alive"]));
    assert.equal(played.contentCount, 1);
    played.to(played.durationMs);
    assert.deepEqual(new Set(played.looks("F", /ap/)), new Set(["absent"]));
    assert.deepEqual(new Set(played.looks("F", /us|eu/)), new Set(["unreachable"]));
    assert.equal(played.contentCount, 2);
  });

  it("heal: two truths become one", () => {
    const played = new Played("heal");
    assert.equal(played.to(0).contentCount, 2);
    assert.deepEqual(new Set(played.looks("A", /us|eu/)), new Set(["suspect"]));
    played.to(3_500);
    assert.equal(played.contentCount, 1);
    for (const name of ["A", "F"]) assert.ok(played.isEverywhere(name, "absent"), name);
    for (const name of ["B", "C", "D", "E"]) assert.ok(played.isEverywhere(name, "alive"), name);
  });

  it("drain: confirmed by everybody before it resolves", () => {
    const played = new Played("drain");
    assert.ok(played.to(999).isEverywhere("E", "alive"));
    played.to(1_050);
    assert.deepEqual(
      played.told.filter((text) => text.includes("is drained")),
      [],
    );
    played.to(1_300);
    assert.ok(played.isEverywhere("E", "draining"));
    assert.match(played.told.join("\n"), /E is drained: confirmed by \d+$/m);
    // Their last picks may be older than the drain: the next ones are not.
    for (let at = 1_700; at <= played.durationMs; at += 50) {
      const picks = played.to(at).picture.clients.map(({ picked }) => picked);
      assert.ok(picks.some((picked) => picked !== undefined) && !picks.includes("E"), `at ${at}`);
    }
    assert.ok(played.to(played.durationMs).isEverywhere("E", "absent"));
    assert.ok(played.lines.includes("E is removed: drained"));
  });

  it("rolling-restart: every node is new, and no view changed", () => {
    const played = new Played("rolling-restart");
    const generations = () => played.picture.nodes.map(({ generation }) => generation);
    const before = generations();
    played.to(played.durationMs);
    for (const [index, generation] of generations().entries()) {
      assert.ok((generation ?? 0) > (before[index] ?? 0), `node ${index}`);
    }
    assert.ok(played.picture.nodes.every(({ condition }) => condition === "up"));
    assert.deepEqual(
      played.lines.filter((line) => /^[A-F] is /.test(line)),
      [],
    );
  });

  it("outage: views stay, callers pick, and nobody is lost on the way back", () => {
    const played = new Played("outage");
    played.to(1_100);
    assert.ok(played.picture.nodes.every(({ condition }) => condition === "down"));
    const picks = new Set<string | undefined>();
    for (let at = 1_500; at < 6_000; at += 100) {
      for (const { role, picked } of played.to(at).picture.clients) {
        if (role !== "program") picks.add(picked);
      }
    }
    assert.deepEqual([...picks].sort(), Object.keys(PROGRAMS));
    for (const name of Object.keys(PROGRAMS)) assert.ok(played.isEverywhere(name, "alive"), name);
    played.to(6_100);
    assert.ok(played.picture.nodes.every(({ condition }) => condition === "warming up"));
    played.to(11_000);
    assert.ok(played.picture.nodes.every(({ condition }) => condition === "up"));
    assert.equal(played.contentCount, 1);
    for (const name of Object.keys(PROGRAMS)) assert.ok(played.isEverywhere(name, "alive"), name);
    assert.deepEqual(
      played.lines.filter((line) => line.includes("removed")),
      [],
    );
  });

  it("no-return: a node with old news learns, and nobody learns from it", () => {
    const played = new Played("no-return");
    assert.equal(played.to(999).contentCount, 1);
    assert.ok(played.to(1_300).isEverywhere("D", "absent"));
    assert.equal(played.to(2_499).contentCount, 2);
    for (let at = 2_500; at <= played.durationMs; at += 50) {
      assert.ok(played.to(at).isEverywhere("D", "absent"), `at ${at}`);
    }
    assert.equal(played.contentCount, 1);
  });
});
