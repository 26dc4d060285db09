/**
 * All deadlines of a node in one structure: a hashed timing wheel.
 *
 * Idea: time is cut into ticks; a ring of slots holds, per tick of the next revolution, a linked
 * list of the ids due then. Setting, renewing and cancelling cost O(1); expiry costs what is due.
 * A heap would pay O(log n) for each renewal, and renewals are nearly all of the traffic.
 *
 * Renewal is lazy: a deadline moved later is only written down. When the old slot comes up, the id
 * is found not due and moves to the slot of its present deadline. So an id that is renewed each
 * second with a ttl of three is linked anew once per ttl, not once per second.
 *
 * Deadlines beyond one revolution wait in the farthest slot and are moved on when it comes up; so
 * each slot stands for exactly one tick at any time.
 *
 * It does **not** fire early, ever; it may fire late, by at most one granularity.
 *
 * @see Varghese & Lauck, "Hashed and Hierarchical Timing Wheels" (1987), scheme 6.
 */
import { assert } from "../assert.js";
import { RECORD_COUNT_MAX } from "../limits.js";
import { type Instant, instant, NEVER } from "../time.js";

export interface DeadlineWheelOptions {
  /** The present; deadlines before it are due at once. Default 0. */
  readonly now?: Instant;
  /** Width of a tick, default 50. Raised: fewer wake-ups, later expiry. */
  readonly granularityMs?: number;
  /** Ticks of one revolution, a power of two, 32 to 32768. Default 4096: 205 s at 50 ms. */
  readonly slotCount?: number;
  /** Ids must be below it. Default {@link RECORD_COUNT_MAX}. */
  readonly idCountMax?: number;
}

export const DEADLINE_GRANULARITY_DEFAULT_MS = 50;

const NONE = -1;
const ID_CAPACITY_MIN = 1024;

/**
 * Deadlines of ids (small whole numbers from 0, reused freely; 18 bytes each).
 *
 * Invariants: an id is linked in exactly one slot iff its deadline is finite; the tick of that slot
 * is at most the tick of its deadline (W1: nothing is found late by more than the granularity), and
 * an id is returned only when its deadline is at or before `now` (W2: nothing fires early).
 */
export class DeadlineWheel {
  readonly #granularityMs: number;
  readonly #slotCount: number;
  readonly #slotMask: number;
  readonly #idCountMax: number;
  /** First id of each slot's list. */
  readonly #heads: Int32Array;
  /** One bit per slot that is not empty. */
  readonly #occupied: Uint32Array;
  /** Slots stand for the ticks `#tick` to `#tick + #slotCount - 1`. Never falls. */
  #tick: number;
  /** Invariant: no slot of a tick below it holds anything. */
  #nextTick: number;
  #count = 0;
  #deadlines: Float64Array = new Float64Array(0);
  #slots: Int16Array = new Int16Array(0);
  #following: Int32Array = new Int32Array(0);
  #preceding: Int32Array = new Int32Array(0);

  constructor(options: DeadlineWheelOptions = {}) {
    const granularityMs = options.granularityMs ?? DEADLINE_GRANULARITY_DEFAULT_MS;
    const slotCount = options.slotCount ?? 4096;
    assert(granularityMs > 0, `granularityMs ${granularityMs} must be > 0`);
    assert(
      slotCount >= 32 && slotCount <= 32_768 && (slotCount & (slotCount - 1)) === 0,
      `slotCount ${slotCount} must be a power of two from 32 to 32768`,
    );
    this.#granularityMs = granularityMs;
    this.#slotCount = slotCount;
    this.#slotMask = slotCount - 1;
    this.#idCountMax = options.idCountMax ?? RECORD_COUNT_MAX;
    this.#heads = new Int32Array(slotCount).fill(NONE);
    this.#occupied = new Uint32Array(slotCount / 32);
    this.#tick = Math.floor((options.now ?? 0) / granularityMs);
    this.#nextTick = this.#tick;
  }

  /** How many ids have a deadline. */
  get count(): number {
    return this.#count;
  }

  /** Sets or renews the deadline of an id. {@link NEVER} cancels. */
  set(id: number, at: Instant): void {
    assert(
      Number.isInteger(id) && id >= 0 && id < this.#idCountMax,
      `deadline id ${id} must be a whole number from 0 to ${this.#idCountMax - 1}`,
    );
    assert(!Number.isNaN(at), `deadline of id ${id} must be a number`);
    if (at === NEVER) {
      this.cancel(id);
      return;
    }
    if (id >= this.#deadlines.length) this.#grow(id);
    this.#deadlines[id] = at;
    const slot = this.#slots[id]!;
    if (slot !== NONE) {
      const linkedTick = this.#tick + ((slot - this.#tick) & this.#slotMask);
      if (at > (linkedTick - 1) * this.#granularityMs) return;
      this.#unlink(id, slot);
    } else {
      this.#count += 1;
    }
    this.#link(id, at);
  }

  /** Forgets the deadline of an id; nothing when it has none. */
  cancel(id: number): void {
    const slot = this.#slots[id];
    if (slot === undefined || slot === NONE) return;
    this.#unlink(id, slot);
    this.#deadlines[id] = NEVER;
    this.#count -= 1;
  }

  /** The deadline of an id; {@link NEVER} when it has none. */
  deadlineOf(id: number): Instant {
    return instant(this.#deadlines[id] ?? NEVER);
  }

  /**
   * Takes out every id whose deadline is at or before the last whole tick before `now`.
   *
   * @returns Ids by rising deadline, then id. A caller may `set` them again at once.
   */
  expire(now: Instant): number[] {
    const expired: number[] = [];
    let nowTick = Math.floor(now / this.#granularityMs);
    if (nowTick * this.#granularityMs > now) nowTick -= 1; // The division may have rounded up.
    if (nowTick < this.#nextTick) {
      if (nowTick > this.#tick) this.#tick = nowTick;
      return expired;
    }
    const lastTick = Math.min(nowTick, this.#tick + this.#slotCount - 1);
    const firstTick = this.#nextTick;
    this.#tick = nowTick;
    this.#nextTick = nowTick + 1;
    for (let tick = firstTick; tick <= lastTick; tick += 1) this.#turnSlot(tick, expired);
    const deadlines = this.#deadlines;
    expired.sort((a, b) => deadlines[a]! - deadlines[b]! || a - b);
    for (const id of expired) deadlines[id] = NEVER;
    this.#count -= expired.length;
    return expired;
  }

  /**
   * When to call {@link expire} next; {@link NEVER} when there is no deadline.
   *
   * Nothing is due before it. It may come to nothing: ids renewed since are then moved on.
   */
  next(): Instant {
    if (this.#count === 0) return NEVER;
    this.#nextTick = this.#firstOccupiedTick(Math.max(this.#nextTick, this.#tick));
    return instant(this.#nextTick * this.#granularityMs);
  }

  /** Empties the slot of a tick: due ids into `expired`, the others to where they belong now. */
  #turnSlot(tick: number, expired: number[]): void {
    const slot = tick & this.#slotMask;
    let id = this.#heads[slot]!;
    if (id === NONE) return;
    this.#heads[slot] = NONE;
    this.#occupied[slot >>> 5]! &= ~(1 << (slot & 31));
    const dueUntil = this.#tick * this.#granularityMs;
    while (id !== NONE) {
      const following = this.#following[id]!;
      this.#slots[id] = NONE;
      const at = this.#deadlines[id]!;
      if (at <= dueUntil) expired.push(id);
      else this.#link(id, at);
      id = following;
    }
  }

  #link(id: number, at: number): void {
    let tick = Math.ceil(at / this.#granularityMs);
    if (tick * this.#granularityMs < at) tick += 1; // The division may have rounded down.
    if (tick < this.#tick) tick = this.#tick;
    const farthestTick = this.#tick + this.#slotCount - 1;
    if (tick > farthestTick) tick = farthestTick;
    if (tick < this.#nextTick) this.#nextTick = tick;
    const slot = tick & this.#slotMask;
    const head = this.#heads[slot]!;
    this.#slots[id] = slot;
    this.#following[id] = head;
    this.#preceding[id] = NONE;
    if (head === NONE) this.#occupied[slot >>> 5]! |= 1 << (slot & 31);
    else this.#preceding[head] = id;
    this.#heads[slot] = id;
  }

  #unlink(id: number, slot: number): void {
    const following = this.#following[id]!;
    const preceding = this.#preceding[id]!;
    if (following !== NONE) this.#preceding[following] = preceding;
    if (preceding !== NONE) this.#following[preceding] = following;
    else {
      this.#heads[slot] = following;
      if (following === NONE) this.#occupied[slot >>> 5]! &= ~(1 << (slot & 31));
    }
    this.#slots[id] = NONE;
  }

  /** The first tick from `fromTick` on whose slot is not empty; there must be one. */
  #firstOccupiedTick(fromTick: number): number {
    const wordMask = (this.#slotCount >>> 5) - 1;
    const fromSlot = fromTick & this.#slotMask;
    const fromWord = fromSlot >>> 5;
    // The first word is looked at twice: from the slot on, and at the end for what wraps around.
    for (let step = 0; step <= wordMask + 1; step += 1) {
      const word = (fromWord + step) & wordMask;
      let bits = this.#occupied[word]!;
      if (step === 0) bits &= -1 << (fromSlot & 31);
      if (bits === 0) continue;
      const slot = (word << 5) + 31 - Math.clz32(bits & -bits);
      return fromTick + ((slot - fromSlot) & this.#slotMask);
    }
    assert(false, `wheel holds ${this.#count} deadlines but no slot is occupied`);
  }

  #grow(id: number): void {
    let capacity = Math.max(ID_CAPACITY_MIN, this.#deadlines.length);
    while (capacity <= id) capacity *= 2;
    const heldCount = this.#deadlines.length;
    const deadlines = new Float64Array(capacity).fill(NEVER, heldCount);
    const slots = new Int16Array(capacity).fill(NONE, heldCount);
    const following = new Int32Array(capacity);
    const preceding = new Int32Array(capacity);
    deadlines.set(this.#deadlines);
    slots.set(this.#slots);
    following.set(this.#following);
    preceding.set(this.#preceding);
    this.#deadlines = deadlines;
    this.#slots = slots;
    this.#following = following;
    this.#preceding = preceding;
  }
}
