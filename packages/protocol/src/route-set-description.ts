/**
 * Bodies of `routeSet` records: `[1, routes, note]`, the routes as one text of JSON.
 *
 * JSON because routes are read by people and grow members; a reader that does not know a member
 * refuses the whole set, see `readRoutes` of core. The first value is the form; another one is for
 * a later version.
 */
import { BODY_MAX_BYTES, type Route, readRoutes } from "@fpzk/core";
import { readInteger, readProse, writeProse } from "./fields.js";
import { packFrame, unpackTexts } from "./frame.js";
import type { DecodedDescription } from "./instance-description.js";
import { toRefusal, WireFault } from "./wire-fault.js";

/** Named routes, as an operator gave them. */
export interface RouteSetDescription {
  readonly routes: readonly Route[];
  /** Free text for people: who and why. */
  readonly note?: string;
}

const FORM = 1;
/** Faults that one refusal names. */
const FAULT_COUNT_MAX = 10;

/** The body of a record; the caller checks its length against `BODY_MAX_BYTES`. */
export function encodeRouteSet({ routes, note }: RouteSetDescription): Uint8Array {
  const text = JSON.stringify(routes);
  return packFrame([FORM, text, ...(note === undefined ? [] : [writeProse(note)])]);
}

/** The routes in a body, all of them right, or why not; never throws. */
export function decodeRouteSet(body: Uint8Array): DecodedDescription<RouteSetDescription> {
  try {
    const fields = unpackTexts(body, BODY_MAX_BYTES);
    readInteger(fields[0], "form", FORM, FORM);
    const text = readProse(fields[1], "routes", BODY_MAX_BYTES);
    const { routes, faults } = readRoutes(parseJson(text), { allowsNamespace: false });
    if (faults.length > 0) throw new WireFault("", faults.slice(0, FAULT_COUNT_MAX).join("; "));
    const note = fields[2] ?? undefined;
    const isNoted = note !== undefined;
    return {
      ok: true,
      description: { routes, ...(isNoted ? { note: readProse(note, "note") } : {}) },
    };
  } catch (fault) {
    return { ok: false, refusal: toRefusal(fault, "route set") };
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new WireFault("routes", "must be a text of JSON");
  }
}
