/** Bodies of `override` records: `[weight, note]`, nil for a word that is not said. */
import { BODY_MAX_BYTES, type OverrideDescription, WEIGHT_MAX } from "@fpzk/core";
import { readInteger, readProse, writeProse } from "./fields.js";
import { packFrame, unpackTexts } from "./frame.js";
import type { DecodedDescription } from "./instance-description.js";
import { toRefusal } from "./wire-fault.js";

/** The body of an override record. */
export function encodeOverrideDescription(description: OverrideDescription): Uint8Array {
  const { weight, note } = description;
  return packFrame([weight ?? null, note === undefined ? null : writeProse(note)]);
}

/** The description in a body; never throws. */
export function decodeOverrideDescription(
  body: Uint8Array,
): DecodedDescription<OverrideDescription> {
  try {
    const fields = unpackTexts(body, BODY_MAX_BYTES);
    const weight = fields[0] ?? undefined;
    const note = fields[1] ?? undefined;
    const description: OverrideDescription = {
      ...(weight === undefined ? {} : { weight: readInteger(weight, "weight", 0, WEIGHT_MAX) }),
      ...(note === undefined ? {} : { note: readProse(note, "note") }),
    };
    return { ok: true, description };
  } catch (fault) {
    return { ok: false, refusal: toRefusal(fault, "override description") };
  }
}
