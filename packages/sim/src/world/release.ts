/** Which release of FPZK a simulated process runs: what it speaks. */
import { PROTOCOL_VERSION } from "@fpzk/core";

export interface Release {
  readonly protocolVersion: number;
  /** Says more than this release knows: a field more at the end of each message. */
  readonly addsFields: boolean;
}

export const THIS_RELEASE: Release = { protocolVersion: PROTOCOL_VERSION, addsFields: false };
/** The next one that still speaks this version: what it adds must be ignored. */
export const NEXT_RELEASE: Release = { protocolVersion: PROTOCOL_VERSION, addsFields: true };
/** One that speaks another version: nobody of this one may talk to it. */
export const OTHER_RELEASE: Release = { protocolVersion: PROTOCOL_VERSION + 1, addsFields: true };

const ARRAY_MIN = 0x90;
const ARRAY_MAX = 0x9e;
/** `"?"` in MessagePack. */
const ADDITION = [0xa1, 0x3f];

/** A frame as a release sends it: one small array, with one value more if there is room. */
export function spokenBy(release: Release, frame: Uint8Array): Uint8Array {
  const head = frame[0] ?? 0;
  if (!release.addsFields || head < ARRAY_MIN || head > ARRAY_MAX) return frame;
  const longer = new Uint8Array(frame.length + ADDITION.length);
  longer.set(frame);
  longer[0] = head + 1;
  longer.set(ADDITION, frame.length);
  return longer;
}
