/** Bodies of `node` records: `[region, zone, address, peerAddress, tls, knowsAccusations]`. */
import { BODY_MAX_BYTES, type NodeDescription } from "@fpzk/core";
import { readBoolean, readName, readText } from "./fields.js";
import { packFrame, unpackTexts } from "./frame.js";
import type { DecodedDescription } from "./instance-description.js";
import { toRefusal } from "./wire-fault.js";
import { ADDRESS_MAX_BYTES } from "./wire-limits.js";

/** The body of a node record. */
export function encodeNodeDescription(description: NodeDescription): Uint8Array {
  const { region, zone, address, peerAddress, tls, knowsAccusations = false } = description;
  return packFrame([region, zone, address, peerAddress, tls, knowsAccusations]);
}

/** The description in a body; never throws. */
export function decodeNodeDescription(body: Uint8Array): DecodedDescription<NodeDescription> {
  try {
    const fields = unpackTexts(body, BODY_MAX_BYTES);
    const address = readText(fields[2], "address", ADDRESS_MAX_BYTES);
    const description = {
      region: readName(fields[0], "region"),
      zone: readName(fields[1], "zone"),
      address,
      peerAddress: readText(fields[3] ?? address, "peerAddress", ADDRESS_MAX_BYTES),
      tls: readBoolean(fields[4] ?? false, "tls"),
      // What a later version adds here is none of ours, whatever it is.
      knowsAccusations: fields[5] === true,
    };
    return { ok: true, description };
  } catch (fault) {
    return { ok: false, refusal: toRefusal(fault, "node description") };
  }
}
