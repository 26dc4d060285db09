/** What is drawn from one generator, in the forms that histories need. */
import { type Random, randomBelow } from "@fpzk/core";

export class Draw {
  readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  chance(share: number): boolean {
    return this.random.next() < share;
  }

  /** A number from `least` up to, not including, `most`. */
  between(least: number, most: number): number {
    return least + (most - least) * this.random.next();
  }

  /** A whole number from `least` to `most`, both included. */
  count(least: number, most: number): number {
    return least + randomBelow(this.random, most - least + 1);
  }

  /**
   * Short ones are as likely as long ones: each doubling is. No logarithm and no power, which
   * engines may round differently.
   */
  durationMs(least: number, most: number): number {
    let octaveCount = 1;
    while (least * 2 ** octaveCount < most) octaveCount += 1;
    const low = least * 2 ** randomBelow(this.random, octaveCount);
    return Math.round(this.between(low, Math.min(most, 2 * low)));
  }

  /** One of the values; undefined when there is none. */
  maybe<Value>(values: readonly Value[]): Value | undefined {
    return values[randomBelow(this.random, Math.max(1, values.length))];
  }

  pick<Value>(values: readonly Value[]): Value {
    if (values.length === 0) throw new Error("there is nothing to pick from");
    return values[randomBelow(this.random, values.length)] as Value;
  }

  /** Each of the values with a chance of `share`. */
  some<Value>(values: readonly Value[], share: number): Value[] {
    return values.filter(() => this.chance(share));
  }

  /** So many of the values, in a drawn order. */
  several<Value>(values: readonly Value[], count: number): Value[] {
    const left = [...values];
    const drawn: Value[] = [];
    while (drawn.length < count && left.length > 0) {
      drawn.push(...left.splice(randomBelow(this.random, left.length), 1));
    }
    return drawn;
  }
}
