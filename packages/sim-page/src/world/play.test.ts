import assert from "node:assert/strict";
import { test } from "node:test";
import { runHistory } from "@fpzk/sim";
import { SCENES } from "../scenes/scenes.js";
import { showScene } from "../scenes/show.js";
import { SeedPlay } from "./play.js";

const SEED = 5;

test("a seed played in pieces of whole milliseconds is the history that the hunt plays", () => {
  const expected = runHistory(SEED);
  const play = new SeedPlay(SEED);
  for (let at = 1_000; !play.isOver; at += 1 + (at % 97)) play.advance(at);
  assert.equal(play.world.traceHash, expected.traceHash);
  assert.deepEqual(play.strikes, expected.strikes);
});

test("a history can be played with some of its strikes", () => {
  const strikes = [1, 2, 5];
  const expected = runHistory(SEED, { strikes: new Set(strikes) });
  const play = new SeedPlay(SEED, strikes);
  play.advance(Number.MAX_SAFE_INTEGER);
  assert.equal(play.world.traceHash, expected.traceHash);
});

test("a scene made anew and played to a moment is the same world", () => {
  for (const scene of SCENES.slice(0, 3)) {
    const show = showScene(scene);
    const [whole, pieces] = [show.create(), show.create()];
    const end = show.startsAt + scene.durationMs;
    whole.advance(end);
    for (let at = show.startsAt; at <= end; at += 130) pieces.advance(at);
    pieces.advance(end);
    assert.equal(pieces.world.traceHash, whole.world.traceHash, scene.id);
  }
});

test("what a person does is done again when one goes back, and later deeds are forgotten", () => {
  const [scene] = SCENES;
  assert.ok(scene !== undefined);
  const show = showScene(scene);
  const at = (offset: number) => show.startsAt + offset;
  show.add({ at: at(100), deed: { type: "kill", key: "us-1" } });
  show.add({ at: at(300), deed: { type: "kill", key: "eu-1" } });
  const first = show.create();
  first.advance(at(400));
  assert.deepEqual([first.world.nodes.has("us-1"), first.world.nodes.has("eu-1")], [false, false]);
  show.add({ at: at(200), deed: { type: "kill", key: "ap-1" } });
  const again = show.create();
  again.advance(at(400));
  const alive = ["us-1", "eu-1", "ap-1"].map((key) => again.world.nodes.has(key));
  assert.deepEqual(alive, [false, true, false]);
});
