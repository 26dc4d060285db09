/**
 * Deterministic aperture: each of many callers connects to a stable part of a large service.
 *
 * Thousand callers of thousand instances need a million connections, of which each carries next to
 * nothing. Here callers and instances stand evenly around the same circle. A caller covers an arc
 * from its own place on, wide enough for at least `sizeMin` instances and a whole number of steps
 * between callers: so every point is covered by equally many callers, and every instance gets the
 * same load if callers send the same. An instance that the arc covers in part gets that part of a
 * share. Nobody talks to anybody: all that counts is in views that everyone has.
 *
 * When an instance joins or leaves, the others move by less than one step, so a caller changes one
 * or two of its instances. When a caller joins or leaves, the others move by up to one step between
 * callers: the wider the arc is in those steps, the less that changes.
 *
 * @see Finagle, "Deterministic Aperture" and `finagle-core/.../loadbalancer/aperture`; Beyer et al.,
 * "Site Reliability Engineering", chapter 20 (deterministic subsetting). gRFC A68 takes random
 * subsets instead, which need no caller's place and balance only on average.
 */
import { assert } from "../assert.js";
import { hashText } from "../hash.js";

/** Instances that a caller covers at least. Finagle's default. */
export const APERTURE_SIZE_MIN_DEFAULT = 12;

export interface AperturePlace {
  /** This caller's place among the callers, from 0. */
  readonly index: number;
  readonly count: number;
}

export interface ApertureMember<T> {
  readonly member: T;
  /** Part of the member that the arc covers, above 0 to 1; below 1 for the first and last only. */
  readonly share: number;
}

/** What is left of an overlap when nothing is: rounding. */
const OVERLAP_MIN = 1e-9;

/**
 * The place of one id among all; undefined when it is not among them.
 *
 * Ordered by hash, so that neighbours in name (one host, one zone) are no neighbours on the circle.
 */
export function aperturePlace(
  id: string,
  members: readonly { readonly id: string }[],
): AperturePlace | undefined {
  const index = inCircle(members).findIndex((member) => member.id === id);
  return index < 0 ? undefined : { index, count: members.length };
}

/**
 * The members of a service that a caller connects to.
 *
 * @param members - In any order; ids differ.
 * @param sizeMin - At least so many are covered, whole or in part; at least 1.
 */
export function aperture<T extends { readonly id: string }>(
  members: readonly T[],
  place: AperturePlace,
  sizeMin = APERTURE_SIZE_MIN_DEFAULT,
): ApertureMember<T>[] {
  assert(place.index >= 0 && place.index < place.count, "a place is among the callers");
  assert(sizeMin >= 1, `sizeMin ${sizeMin} must be at least 1`);
  const circle = inCircle(members);
  const stepCount = Math.ceil((sizeMin * place.count) / Math.max(1, circle.length));
  if (stepCount >= place.count) return circle.map((member) => ({ member, share: 1 }));
  const begin = (place.index / place.count) * circle.length;
  const end = begin + (stepCount / place.count) * circle.length;
  const covered: ApertureMember<T>[] = [];
  for (let at = Math.floor(begin); at < end; at += 1) {
    const member = circle[at % circle.length];
    const share = Math.min(end, at + 1) - Math.max(begin, at);
    if (member === undefined || share < OVERLAP_MIN) continue;
    const first = covered[0];
    // Nearly once around: the arc ends in the member in which it began.
    if (first?.member === member) covered[0] = { member, share: Math.min(1, first.share + share) };
    else covered.push({ member, share: Math.min(1, share) });
  }
  return covered;
}

function inCircle<T extends { readonly id: string }>(members: readonly T[]): T[] {
  return members
    .map((member) => ({ member, hash: hashText(member.id) }))
    .sort((a, b) => a.hash - b.hash || (a.member.id < b.member.id ? -1 : 1))
    .map(({ member }) => member);
}
