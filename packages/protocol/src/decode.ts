/** What the three decoders of messages share: type first, then the fields by the type's reader. */
import type { Refusal } from "@fpzk/core";
import { frameType, unpackFrame } from "./frame.js";
import { toRefusal } from "./wire-fault.js";

/** A message, or why there is none. */
export type Decoded<Message> =
  | { readonly ok: true; readonly message: Message }
  | { readonly ok: false; readonly refusal: Refusal };

/** For each type of message, what makes it of a frame's values. Value 0 is the type number. */
export type Readers<Message extends { readonly type: string }> = {
  readonly [Type in Message["type"]]: (
    fields: readonly unknown[],
  ) => Extract<Message, { type: Type }>;
};

export interface MessageDecoder<Message extends { readonly type: string }> {
  /** For refusals: `session request`. */
  readonly what: string;
  readonly names: ReadonlyMap<number, Message["type"]>;
  readonly readers: Readers<Message>;
  readonly valueCountMax: number;
}

/** The message in a frame; never throws. */
export function decodeMessage<Message extends { readonly type: string }>(
  decoder: MessageDecoder<Message>,
  bytes: Uint8Array,
  maxBytes: number,
): Decoded<Message> {
  let what = decoder.what;
  try {
    const number = frameType(bytes);
    const type = number === undefined ? undefined : decoder.names.get(number);
    // Of a type that is not known only the form is checked, which allocates nothing.
    const fields = unpackFrame(bytes, {
      maxBytes,
      valueCountMax: decoder.valueCountMax,
      isWanted: type !== undefined,
    });
    if (type === undefined) {
      const message = `${what}: type ${number ?? "that is not a number below 128"} is not known here`;
      return { ok: false, refusal: { code: "unimplemented", message } };
    }
    what = `${what} ${type}`;
    const read: (fields: readonly unknown[]) => Message = decoder.readers[type as Message["type"]];
    return { ok: true, message: read(fields) };
  } catch (fault) {
    return { ok: false, refusal: toRefusal(fault, what) };
  }
}
