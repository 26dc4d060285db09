import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "@fpzk/core";
import { EventQueue } from "./event-queue.js";
import { Network } from "./network.js";
import { createConnection, type Socket, type SocketOwner } from "./socket.js";
import type { Weather } from "./weather.js";

const WINDOW_BYTES = 100;
const DELAY_MS = 10;

/** A connection from a to b, and what b hears of it. */
class Line {
  readonly queue = new EventQueue();
  readonly network: Network;
  readonly a: SocketOwner & { isReading: boolean };
  readonly b: SocketOwner & { isReading: boolean };
  readonly from: Socket;
  readonly to: Socket;
  readonly heard: string[] = [];
  readonly lostHosts = new Set<string>();
  now = 0;

  constructor() {
    this.network = new Network({
      queue: this.queue,
      now: () => this.now,
      delayMs: () => DELAY_MS,
      windowBytes: WINDOW_BYTES,
    });
    const owner = (id: string) => ({ id, isUp: true, sockets: new Set<Socket>(), isReading: true });
    this.a = owner("a");
    this.b = owner("b");
    const pair = createConnection({
      ...{ network: this.network, random: new SeededRandom(1), carries: ["peer", "peer"] },
      ...{ dialer: this.a, acceptor: this.b, isHostThere: (host) => !this.lostHosts.has(host) },
    });
    this.from = pair.dialer;
    this.to = pair.acceptor;
    const tell = (who: string) => ({
      received: (bytes: Uint8Array) => this.heard.push(`${who} ${bytes[0]} at ${this.now}`),
      closed: () => this.heard.push(`${who} closed at ${this.now}`),
      flushed: () => this.heard.push(`${who} flushed`),
    });
    this.from.events = tell("a");
    this.to.events = tell("b");
  }

  send(value: number, byteCount = 1, isLossy = false): void {
    const bytes = new Uint8Array(byteCount);
    bytes[0] = value;
    this.from.send(bytes, isLossy);
  }

  worsen(weather: Partial<Weather>): void {
    this.network.worsen(() => true, weather);
  }

  run(until: number): string[] {
    for (let next = this.queue.peek(); next !== undefined && next.at <= until; ) {
      this.queue.take();
      this.now = next.at;
      next.run(next.argument);
      next = this.queue.peek();
    }
    this.now = until;
    return this.heard.splice(0);
  }
}

test("messages arrive in order after the delay, and the end behind them", () => {
  const line = new Line();
  line.send(1);
  line.send(2);
  line.from.close();
  line.send(3);
  assert.deepEqual(line.run(100), ["b 1 at 10", "b 2 at 10", "b closed at 10"]);
});

test("a cut way holds messages until it is whole; the other way goes on", () => {
  const line = new Line();
  const mend = line.network.cutWays((from) => from === "a");
  line.send(1);
  line.to.send(new Uint8Array([7]));
  assert.deepEqual(line.run(900), ["a 7 at 10"]);
  mend();
  const [late] = line.run(3_000);
  assert.match(late ?? "", /^a flushed/);
});

test("who does not read fills the window, then the sender's queue", () => {
  const line = new Line();
  line.b.isReading = false;
  for (let value = 1; value <= 9; value += 1) line.send(value, 40);
  assert.deepEqual(line.run(500), []);
  // Three of 48 bytes close the receiver's window of 100; of the six left the sender's holds 100.
  assert.equal(line.from.queuedBytes, 6 * 48 - WINDOW_BYTES);
  line.b.isReading = true;
  line.to.resume();
  const heard = line.run(1_000).filter((each) => each.startsWith("b"));
  assert.deepEqual(
    heard.map((each) => each.slice(0, 3)),
    ["b 1", "b 2", "b 3", "b 4", "b 5", "b 6", "b 7", "b 8", "b 9"],
  );
  assert.equal(line.from.queuedBytes, 0);
});

test("a slow line sends one message after the other", () => {
  const line = new Line();
  line.worsen({ bytesPerMs: 1 });
  line.send(1, 42);
  line.send(2, 42);
  const heard = line.run(1_000).filter((each) => each.startsWith("b"));
  assert.deepEqual(heard, ["b 1 at 60", "b 2 at 110"]);
});

test("loss takes messages between peers alone", () => {
  const line = new Line();
  line.worsen({ lossRatio: 1 });
  line.send(1, 1, true);
  line.send(2, 1, false);
  assert.deepEqual(line.run(100), ["b 2 at 10"]);
});

test("an end that is gone resets who sends to it, unless its host is lost", () => {
  const line = new Line();
  line.to.vanish();
  assert.deepEqual(line.run(100), [], "nobody is told");
  line.lostHosts.add("b");
  line.send(1);
  assert.deepEqual(line.run(200), [], "a lost host answers nothing");
  line.lostHosts.delete("b");
  line.send(2);
  assert.deepEqual(line.run(300), ["a closed at 220"]);
});

test("a reset is told once, and lost on a cut way", () => {
  const [told, lost] = [new Line(), new Line()];
  told.from.abort();
  assert.deepEqual(told.run(100), ["b closed at 10"]);
  lost.network.cut("a", "b");
  lost.from.abort();
  lost.network.heal();
  assert.deepEqual(lost.run(5_000), []);
  assert.equal(lost.to.isOpen, true);
});
