import assert from "node:assert/strict";
import { test } from "node:test";
import { SCENES } from "../scenes/scenes.js";
import { type Show, showFreeWorld, showScene } from "../scenes/show.js";
import { Player, READING_MS_PER_CHARACTER } from "./player.js";

const FRAME_MS = 16;
/** However slow this machine is, each frame does all its work. */
const timeless = () => 0;
/** Slower readers can pause. */
const READING_CHARACTERS_PER_SECOND_MAX = 30;

function sceneOf(id: string): Show {
  const scene = SCENES.find((each) => each.id === id);
  assert.ok(scene !== undefined);
  return showScene(scene);
}

/** Plays until the caption changes, or the show is over; how long that took to look at. */
function playCaption(player: Player): number {
  const { caption } = player;
  let passedMs = 0;
  while (player.isPlaying && player.caption === caption) {
    player.frame(FRAME_MS);
    passedMs += FRAME_MS;
    assert.ok(passedMs < 60_000, `still “${caption}”`);
  }
  return passedMs;
}

test("every caption is shown for long enough to read it", () => {
  for (const scene of SCENES) {
    const player = new Player(showScene(scene), timeless);
    player.isPlaying = true;
    while (player.isPlaying) {
      const { caption } = player;
      const speed = (1_000 * caption.length) / playCaption(player);
      const text = `${scene.id}: ${speed.toFixed(0)} characters a second: ${caption}`;
      assert.ok(speed <= READING_CHARACTERS_PER_SECOND_MAX, text);
    }
    assert.ok(player.isAtEnd);
  }
});

test("the world waits at a caption, unless one does not want to", () => {
  const player = new Player(sceneOf("kill"), timeless);
  player.isPlaying = true;
  player.frame(FRAME_MS);
  assert.ok(player.isReading);
  assert.equal(player.at, 0);
  player.endReading();
  player.frame(100);
  assert.equal(player.at, 50, "half as fast as life");
  player.load(sceneOf("kill"));
  player.isPlaying = true;
  player.speedChoice = 1;
  player.frame(100);
  assert.equal(player.at, 100, "no waiting at a speed of one's own");
});

test("a caption is waited at for its length", () => {
  const player = new Player(sceneOf("kill"), timeless);
  player.isPlaying = true;
  const waitMs = READING_MS_PER_CHARACTER * player.caption.length;
  let passedMs = 0;
  while (player.at === 0) {
    player.frame(FRAME_MS);
    passedMs += FRAME_MS;
  }
  assert.ok(Math.abs(passedMs - waitMs) <= 3 * FRAME_MS, `${passedMs} ms, not ${waitMs}`);
});

test("a step goes to what can be seen next, and a show begins anew where one wants", () => {
  const player = new Player(sceneOf("kill"), timeless);
  player.seek(999);
  player.stepToEvent();
  assert.equal(player.at, 1_000);
  assert.deepEqual(
    player.witness.log.lines.map(({ text }) => text),
    ["kill -9 C"],
  );
  player.step(100);
  assert.equal(player.at, 1_100);
  const hash = player.play.world.traceHash;
  player.seek(3_000);
  player.seek(1_100);
  assert.equal(player.play.world.traceHash, hash);
});

test("a frame that has taken its time leaves the rest to the next", () => {
  let nowMs = 0;
  const player = new Player(showFreeWorld(), () => {
    nowMs += 5;
    return nowMs;
  });
  player.isPlaying = true;
  player.speedChoice = 10;
  player.frame(FRAME_MS);
  assert.ok(player.at > 0 && player.at < 160 && player.isLagging, `at ${player.at}`);
});

test("a scene stops at its end, and goes on if one plays on", () => {
  const player = new Player(sceneOf("kill"), timeless);
  player.speedChoice = 10;
  player.isPlaying = true;
  while (player.isPlaying) player.frame(FRAME_MS);
  assert.ok(player.at >= 4_500 && player.isAtEnd);
  player.isPlaying = true;
  player.frame(FRAME_MS);
  assert.ok(player.isPlaying && player.at > 4_500);
});

test("what one does is done now", () => {
  const player = new Player(showFreeWorld(), timeless);
  player.seek(500);
  player.perform({ type: "kill", key: "us-1" });
  assert.equal(player.play.cast.get("us-1").process, undefined);
  assert.equal(player.show.marks.at(-1)?.at, 500);
  player.seek(100);
  assert.notEqual(player.play.cast.get("us-1").process, undefined);
});
