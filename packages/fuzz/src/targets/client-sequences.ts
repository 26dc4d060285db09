/** Random sequences of what a node may say, of a program's wishes and of time, against a client. */
import {
  type ClientEffect,
  type ClientEvent,
  ClientMachine,
  type Instant,
  instant,
  SeededRandom,
} from "@fpzk/core";
import {
  decodeInstanceDescription,
  decodeOverrideDescription,
  decodeSessionMessage,
  decodeSessionRequest,
  encodeSessionMessage,
  encodeSessionRequest,
} from "@fpzk/protocol";
import { Tape } from "../engine/tape.js";
import { type Target, Violation } from "../engine/target.js";
import * as words from "./words.js";

const STEP_COUNT_MAX = 150;
const SEEDS = [
  { address: "n1:7100", serverName: undefined },
  { address: "n2:7100", serverName: undefined },
];

class Life {
  readonly #tape: Tape;
  readonly #machine: ClientMachine;
  #now: Instant = instant(1_000);
  /** Attempts whose sockets are open or opening. */
  readonly #attempts: number[] = [];
  #commandId = 0;

  constructor(tape: Tape) {
    this.#tape = tape;
    this.#machine = new ClientMachine({
      namespace: "default",
      token: "",
      clientId: "c1",
      region: "eu",
      zone: "",
      agent: "fuzz",
      tls: false,
      seeds: SEEDS,
      random: new SeededRandom(tape.byte()),
      decoder: {
        instance: (body) => {
          const decoded = decodeInstanceDescription(body);
          return decoded.ok ? decoded.description : undefined;
        },
        override: (body) => {
          const decoded = decodeOverrideDescription(body);
          return decoded.ok ? decoded.description : undefined;
        },
      },
      saveDelayMs: tape.flag() ? 100 : undefined,
    });
    this.#step({ type: "start" });
    this.#step({ type: "turn-end" });
  }

  run(): void {
    for (let count = 0; count < STEP_COUNT_MAX && !this.#tape.isAtEnd; count += 1) this.#act();
    this.#pass(5_000);
    this.#step({ type: "close" });
    this.#pass(5_000);
  }

  #act(): void {
    const tape = this.#tape;
    const attempt = this.#attempts[tape.below(Math.max(1, this.#attempts.length))] ?? 0;
    const action = tape.below(12);
    if (action < 6) {
      const decoded = decodeSessionMessage(
        encodeSessionMessage(words.sessionMessageOf(tape)).slice(),
      );
      if (decoded.ok) this.#step({ type: "message", attempt, message: decoded.message });
      return;
    }
    if (action === 6) return this.#step({ type: "connected", attempt });
    if (action === 7) return this.#pass(tape.pick([1, 100, 1_000, 3_000, 60_000, 1_200_000]));
    if (action === 8) return this.#step({ type: "turn-end" });
    if (action === 9) return this.#lose(attempt);
    if (action === 10) return this.#step({ type: "seeds", servers: tape.flag() ? SEEDS : [] });
    this.#wish();
  }

  #lose(attempt: number): void {
    const at = this.#attempts.indexOf(attempt);
    if (at < 0) return;
    this.#attempts.splice(at, 1);
    const type = this.#tape.pick(["connect-failed", "disconnected"]);
    this.#step({ type, attempt, cause: "" });
  }

  #wish(): void {
    const tape = this.#tape;
    this.#commandId += 1;
    const base = {
      commandId: this.#commandId,
      timeoutMs: tape.pick([1_000, 30_000, Number.POSITIVE_INFINITY]),
      service: words.serviceOf(tape),
    };
    const id = words.idOf(tape);
    const body = words.bodyOf(tape);
    const wishes: [ClientEvent, ...ClientEvent[]] = [
      { type: "watch", service: base.service },
      { type: "unwatch", service: base.service },
      { type: "register", ...base, id, scope: 0, state: 0, body },
      { type: "update", ...base, id, body },
      { type: "set-state", ...base, id, state: tape.pick([0, 1]) },
      { type: "drain", ...base, id },
      { type: "deregister", ...base, id },
      { type: "query", ...base },
    ];
    this.#step(tape.pick(wishes));
  }

  #pass(ms: number): void {
    const end = instant(this.#now + ms);
    for (let count = 0; count < 20 && this.#now < end; count += 1) {
      const next = Math.max(this.#now + 1, this.#machine.nextDeadline());
      this.#now = instant(Math.min(end, next));
      this.#step({ type: "tick" });
      this.#step({ type: "turn-end" });
    }
    this.#now = end;
    this.#step({ type: "tick" });
  }

  #step(event: ClientEvent): void {
    for (const effect of this.#machine.step(event, this.#now)) this.#perform(effect);
  }

  #perform(effect: ClientEffect): void {
    if (effect.type === "connect") this.#attempts.push(effect.attempt);
    if (effect.type === "disconnect") {
      const at = this.#attempts.indexOf(effect.attempt);
      if (at >= 0) this.#attempts.splice(at, 1);
    }
    if (effect.type !== "send") return;
    const decoded = decodeSessionRequest(encodeSessionRequest(effect.message).slice());
    if (!decoded.ok) throw new Violation(`nodes cannot read: ${decoded.refusal.message}`);
  }
}

export const CLIENT_SEQUENCES: Target = {
  name: "client-sequences",
  form: "tape",
  seeds: (random) =>
    Array.from({ length: 40 }, () =>
      Uint8Array.from({ length: 400 }, () => Math.floor(random.next() * 256)),
    ),
  run: (input) => new Life(new Tape(input)).run(),
  covers: ["packages/core/dist/client/"],
  maxBytes: 2_000,
};
