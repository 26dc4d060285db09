/**
 * The orders that oracles judge by, written down once more and on purpose.
 *
 * They are the definition of a stamp in `glossary.md`, three numbers in order of weight. An oracle
 * that called the core's comparison would go wrong together with it and see nothing.
 */
import { type RegistryRecord, Scope, type Stamp } from "@fpzk/core";

/** Negative when `a` is older, 0 when equal, positive when newer. */
export function orderOfStamps(a: Stamp, b: Stamp): number {
  if (a.incarnation !== b.incarnation) return a.incarnation < b.incarnation ? -1 : 1;
  if (a.session !== b.session) return a.session < b.session ? -1 : 1;
  return a.claim - b.claim;
}

export function isSameOrigin(a: RegistryRecord["origin"], b: RegistryRecord["origin"]): boolean {
  return a.nodeId === b.nodeId && a.generation === b.generation && a.scope === b.scope;
}

type Key = Pick<RegistryRecord, "kind" | "scope" | "service" | "id">;

/** The last record that was asked for: each that is stored is shown to several oracles. */
let last: { record: Key; text: string } | undefined;

/** A key as a text, for maps. */
export function keyOf(record: Key): string {
  if (last?.record === record) return last.text;
  last = { record, text: `${record.kind} ${record.scope} ${record.service}/${record.id}` };
  return last.text;
}

/** A key in a view: a region's own record is a key of that region. */
export function keyInView(
  record: Pick<RegistryRecord, "kind" | "scope" | "service" | "id">,
  region: string,
): string {
  return record.scope === Scope.global ? keyOf(record) : `${keyOf(record)} of ${region}`;
}

export function nameOf(record: { readonly service: string; readonly id: string }): string {
  return `${record.service}/${record.id}`;
}

export function stampText(stamp: Stamp): string {
  return `(${stamp.incarnation}, ${stamp.session}, ${stamp.claim})`;
}

/** A record in a failure's text. */
export function recordText(record: RegistryRecord): string {
  const { origin, version, state, isSuspect, reason } = record;
  const word =
    ["up", "offline", "draining", `removed (reason ${reason})`][state] ?? `state ${state}`;
  const suspicion = isSuspect ? " suspect" : "";
  return `${nameOf(record)} ${stampText(record.stamp)} ${word}${suspicion} of ${origin.nodeId}/${origin.generation} v${version}`;
}
