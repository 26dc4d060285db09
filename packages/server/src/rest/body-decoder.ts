/** Record bodies as descriptions, for views inside the server. */
import type { BodyDecoder } from "@fpzk/core";
import { decodeInstanceDescription, decodeOverrideDescription } from "@fpzk/protocol";

export const bodyDecoder: BodyDecoder = {
  instance(body) {
    const decoded = decodeInstanceDescription(body);
    return decoded.ok ? decoded.description : undefined;
  },
  override(body) {
    const decoded = decodeOverrideDescription(body);
    return decoded.ok ? decoded.description : undefined;
  },
};
