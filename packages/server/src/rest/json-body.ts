/** Reads a JSON body: UTF-8, bounded in depth, without keys that poison prototypes. */
import { HTTP_JSON_DEPTH_MAX } from "@fpzk/core";
import { inputFault } from "./problem.js";

/** Parses one body; undefined for none. Throws a {@link RequestFault} that says what is wrong. */
export function parseJsonBody(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined;
  const text = decodeUtf8(bytes);
  const depth = nestingDepth(text);
  if (depth > HTTP_JSON_DEPTH_MAX) {
    const bound = HTTP_JSON_DEPTH_MAX;
    const message = `must nest at most ${bound} levels`;
    throw inputFault({ path: "body", value: depth, message, bound });
  }
  try {
    return JSON.parse(text, refusePrototype);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const message = `must be JSON: ${error.message}`;
    throw inputFault({ path: "body", value: text.slice(0, 100), message });
  }
}

/** Levels of `[` and `{` outside of strings; needs no valid JSON. */
export function nestingDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  let isInString = false;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (isInString) {
      if (unit === BACKSLASH) index += 1;
      else if (unit === QUOTE) isInString = false;
    } else if (unit === QUOTE) isInString = true;
    else if (unit === OPEN_BRACE || unit === OPEN_BRACKET) {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (unit === CLOSE_BRACE || unit === CLOSE_BRACKET) depth -= 1;
  }
  return deepest;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

function refusePrototype(key: string, value: unknown): unknown {
  if (key !== "__proto__") return value;
  throw inputFault({ path: "body", value: key, message: "must have no key __proto__" });
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw inputFault({ path: "body", value: null, message: "must be UTF-8" });
  }
}
