/**
 * Breaks a stream off so that the other end can tell it from a whole one.
 *
 * `close(code)` of node:http2 first ends the side that is still open, so that half a message
 * arrives as a whole one, followed by a reset that says nothing any more. `destroy` only resets.
 */
import { constants, type Http2Stream } from "node:http2";

export function resetStream(stream: Http2Stream): void {
  if (stream.destroyed) return;
  if (stream.writableEnded) stream.close(constants.NGHTTP2_CANCEL);
  else stream.destroy(new Error("broken off"));
}
