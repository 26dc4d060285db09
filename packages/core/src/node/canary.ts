/**
 * Measures propagation with the real thing: a small record of this node's own that changes every
 * few seconds and is echoed, once per region, by the node that saw it. Half of the round trip is
 * the propagation time to that region; no two clocks are compared (P11). The canaries of others
 * double as proof of life between regions, and carry the hybrid clock: a node is above what those
 * it hears have given out, also where nobody registers anything.
 */
import type { HybridClock } from "../hlc.js";
import { CANARY_INTERVAL_MS } from "../membership/membership.js";
import { InstanceState, RecordKind, RemovalReason, Scope } from "../record.js";
import type { Replica } from "../replica/replica.js";
import { after, type Instant } from "../time.js";

/** Canaries whose echoes are still waited for. */
const OPEN_COUNT_MAX = 32;

export class Canary {
  readonly #replica: Replica;
  readonly #clock: HybridClock;
  readonly #sentAt = new Map<number, Instant>();
  #counter = 0;
  #dueAt: Instant;

  constructor(options: { replica: Replica; clock: HybridClock; now: Instant }) {
    this.#replica = options.replica;
    this.#clock = options.clock;
    this.#dueAt = options.now;
  }

  next(): Instant {
    return this.#dueAt;
  }

  /** Writes the next one at once: the last is of a generation that is over. */
  hasten(now: Instant): void {
    this.#dueAt = now;
    this.tick(now);
  }

  /** Writes the next canary when it is due. */
  tick(now: Instant): void {
    if (now < this.#dueAt) return;
    this.#dueAt = after(now, CANARY_INTERVAL_MS);
    this.#counter += 1;
    this.#sentAt.set(this.#counter, now);
    for (const counter of this.#sentAt.keys()) {
      if (this.#sentAt.size <= OPEN_COUNT_MAX) break;
      this.#sentAt.delete(counter);
    }
    this.#replica.write(
      {
        kind: RecordKind.canary,
        scope: Scope.global,
        namespace: "",
        service: "",
        id: this.#replica.nodeId,
        stamp: { incarnation: this.#replica.generation, session: this.#counter, claim: 0 },
        state: InstanceState.up,
        isSuspect: false,
        reason: RemovalReason.none,
        since: this.#clock.next(),
        body: new Uint8Array(0),
      },
      now,
    );
  }

  /** Half of the round trip of a canary, or undefined for one no longer waited for. */
  echoed(counter: number, now: Instant): number | undefined {
    const sentAt = this.#sentAt.get(counter);
    return sentAt === undefined ? undefined : (now - sentAt) / 2;
  }
}
