/**
 * An attempt that grows: when the first instance has not answered after a while, another is asked
 * too, and whoever answers first is listened to.
 *
 * Cuts the tail of latencies for a few per cent more requests; after Dean & Barroso, "The Tail at
 * Scale" (2013), hedged requests, and gRFC A6. Only for requests that may be sent twice and have no
 * body. Each further instance takes one from the retry budget, so that a service which is slow as a
 * whole is not asked twice for everything.
 *
 * Who was asked first and is overtaken was too slow, and counts as if it had not answered in time:
 * else an instance that stands still, and that hedges hide, would never be ejected. As Envoy does
 * with `hedge_on_per_try_timeout`.
 *
 * One of its instances is always the lead: the one that the exchange holds, and ends. The others
 * are ended here.
 */
import type { Duplex } from "node:stream";
import type { CallResult, RetryCause } from "@fpzk/core";
import type { Choice } from "./balancer.js";
import type { Attempt, AttemptFailure, AttemptReceiver, Fields } from "./call.js";
import { isRetryableStatus } from "./retry-rule.js";

export interface HedgePorts {
  readonly afterMs: number;
  /** Further instances at the same time. */
  readonly countMax: number;
  readonly retryOn: ReadonlySet<RetryCause>;
  readonly send: (choice: Choice, receiver: AttemptReceiver) => Attempt;
  /** Another instance than those asked, when the budget allows one. */
  readonly next: (askedIds: ReadonlySet<string>) => Choice | undefined;
  /** The exchange holds this one from now on. */
  readonly lead: (choice: Choice) => void;
  /** Ends one that is not the lead. */
  readonly finish: (choice: Choice, result: CallResult | undefined) => void;
  /** Who is told what the lead says. */
  readonly receiver: AttemptReceiver;
}

export class HedgedAttempt implements Attempt {
  readonly isReady = true;
  readonly #ports: HedgePorts;
  readonly #asked = new Set<string>();
  readonly #legs = new Set<Leg>();
  #lead: Leg;
  #hasAnswer = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(choice: Choice, ports: HedgePorts) {
    this.#ports = ports;
    this.#lead = this.#ask(choice);
    this.#arm();
  }

  // There is no body.
  write(): boolean {
    return true;
  }
  end(): void {}

  flush(): void {
    this.#lead.attempt?.flush();
  }

  pause(): void {
    this.#lead.attempt?.pause();
  }

  resume(): void {
    this.#lead.attempt?.resume();
  }

  /** The exchange ends the lead. */
  abort(): void {
    clearTimeout(this.#timer);
    this.#lead.attempt?.abort();
    this.#dropOthers();
  }

  /** Whether this one is to be listened to, with the first head of an answer that counts. */
  onAnswer(leg: Leg, statusCode: number): boolean {
    if (this.#hasAnswer) return leg === this.#lead;
    if (this.#legs.size > 1 && isRetryableStatus(statusCode, this.#ports.retryOn)) {
      leg.attempt?.abort();
      this.#drop(leg, "error");
      return false;
    }
    this.#hasAnswer = true;
    clearTimeout(this.#timer);
    if (leg !== this.#lead) {
      const former = this.#lead;
      this.#setLead(leg);
      this.#legs.delete(former);
      former.attempt?.abort();
      this.#ports.finish(former.choice, former.number < leg.number ? "error" : undefined);
    }
    this.#dropOthers();
    return true;
  }

  /** Whether the exchange is to be told: nobody else is asked any more. */
  onFailure(leg: Leg, failure: AttemptFailure): boolean {
    if (this.#legs.size > 1) {
      this.#drop(leg, failure.isUnsent ? "connect-failure" : "error");
      return false;
    }
    clearTimeout(this.#timer);
    return true;
  }

  #arm(): void {
    this.#timer = setTimeout(() => {
      if (this.#asked.size > this.#ports.countMax) return;
      const choice = this.#ports.next(this.#asked);
      if (choice === undefined) return;
      this.#ask(choice).attempt?.flush();
      this.#arm();
    }, this.#ports.afterMs);
  }

  #ask(choice: Choice): Leg {
    const number = this.#asked.size;
    const leg = new Leg({ choice, number, race: this, receiver: this.#ports.receiver });
    this.#asked.add(choice.picked.instance.id);
    this.#legs.add(leg);
    leg.attempt = this.#ports.send(choice, leg);
    return leg;
  }

  /** One of several has failed: another one leads. */
  #drop(leg: Leg, result: CallResult): void {
    this.#legs.delete(leg);
    const [next] = this.#legs;
    if (leg === this.#lead && next !== undefined) this.#setLead(next);
    this.#ports.finish(leg.choice, result);
  }

  #setLead(leg: Leg): void {
    this.#lead = leg;
    this.#ports.lead(leg.choice);
  }

  #dropOthers(): void {
    for (const leg of this.#legs) {
      if (leg === this.#lead) continue;
      this.#legs.delete(leg);
      leg.attempt?.abort();
      const isOvertaken = this.#hasAnswer && leg.number < this.#lead.number;
      this.#ports.finish(leg.choice, isOvertaken ? "error" : undefined);
    }
  }
}

interface LegPlan {
  readonly choice: Choice;
  readonly number: number;
  readonly race: HedgedAttempt;
  readonly receiver: AttemptReceiver;
}

/** One instance that is asked. After an answer only the lead's is left. */
class Leg implements AttemptReceiver {
  attempt: Attempt | undefined;
  readonly choice: Choice;
  /** Those asked before it have lower ones. */
  readonly number: number;
  readonly #race: HedgedAttempt;
  readonly #receiver: AttemptReceiver;

  constructor({ choice, number, race, receiver }: LegPlan) {
    this.choice = choice;
    this.number = number;
    this.#race = race;
    this.#receiver = receiver;
  }

  onReady(): void {}
  onRequestRoom(): void {}
  /** Interim answers of several instances would be mixed. */
  onInform(): void {}

  onAnswer(
    statusCode: number,
    reason: string,
    fields: Fields,
    bodyBytes: number | undefined,
  ): void {
    if (!this.#race.onAnswer(this, statusCode)) return;
    this.#receiver.onAnswer(statusCode, reason, fields, bodyBytes);
  }

  onAnswerBody(chunk: Buffer): void {
    this.#receiver.onAnswerBody(chunk);
  }

  onAnswerFlush(): void {
    this.#receiver.onAnswerFlush();
  }

  onAnswerEnd(trailers: Fields): void {
    this.#receiver.onAnswerEnd(trailers);
  }

  onSwitch(fields: Fields, stream: Duplex): void {
    this.#receiver.onSwitch(fields, stream);
  }

  onFailure(failure: AttemptFailure): void {
    if (this.#race.onFailure(this, failure)) this.#receiver.onFailure(failure);
  }
}
