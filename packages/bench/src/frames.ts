/** WebSocket frames as cheap as they can be: a load generator must not be what is measured. */

const BINARY_FINAL = 0x82;
const MASKED_BIT = 0x80;
const LENGTH_IN_16_BITS = 126;
const LENGTH_IN_64_BITS = 127;
/** Any but zero: the server unmasks as it does for every client (RFC 6455, 5.3). */
const MASK = [0x37, 0xfa, 0x21, 0x3d] as const;
const PART_MAX_BYTES = 16 * 1024 * 1024;

/** A client's frame around a payload, to be sent as often as one likes. */
export function maskedFrame(payload: Uint8Array): Buffer {
  const { length } = payload;
  const lengthBytes = length < LENGTH_IN_16_BITS ? 0 : length < 65_536 ? 2 : 8;
  const frame = Buffer.alloc(2 + lengthBytes + MASK.length + length);
  frame[0] = BINARY_FINAL;
  if (lengthBytes === 0) {
    frame[1] = MASKED_BIT | length;
  } else if (lengthBytes === 2) {
    frame[1] = MASKED_BIT | LENGTH_IN_16_BITS;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = MASKED_BIT | LENGTH_IN_64_BITS;
    frame.writeUInt32BE(length, 6);
  }
  const maskAt = 2 + lengthBytes;
  frame.set(MASK, maskAt);
  for (let index = 0; index < length; index += 1) {
    frame[maskAt + 4 + index] = (payload[index] as number) ^ (MASK[index & 3] as number);
  }
  return frame;
}

/** Cuts a server's stream into frames; payloads live until the call ends. */
export class FrameReader {
  readonly #onFrame: (opcode: number, payload: Buffer) => void;
  #rest: Buffer | undefined;
  /** Bytes that the frame begun in the rest needs; so a large one is joined once. */
  #neededBytes = 0;
  #parts: Buffer[] = [];
  #partBytes = 0;

  constructor(onFrame: (opcode: number, payload: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  /** @param chunk - May be overwritten after the call. */
  push(chunk: Buffer): void {
    if (this.#rest === undefined) return this.#take(chunk);
    this.#parts.push(Buffer.from(chunk));
    this.#partBytes += chunk.length;
    if (this.#partBytes < this.#neededBytes) return;
    if (this.#partBytes > PART_MAX_BYTES) throw new Error("a frame is larger than any of ours");
    const joined = Buffer.concat(this.#parts, this.#partBytes);
    this.#rest = undefined;
    this.#take(joined);
  }

  #take(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      const frameBytes = frameLength(bytes, at);
      if (frameBytes < 0 || at + frameBytes > bytes.length) break;
      const payload = bytes.subarray(at + headLength(bytes, at), at + frameBytes);
      this.#onFrame((bytes[at] as number) & 0x0f, payload);
      at += frameBytes;
    }
    if (at === bytes.length) {
      this.#parts = [];
      this.#partBytes = 0;
      return;
    }
    this.#rest = Buffer.from(bytes.subarray(at));
    this.#parts = [this.#rest];
    this.#partBytes = this.#rest.length;
    this.#neededBytes = Math.max(frameLength(this.#rest, 0), this.#partBytes + 1);
  }
}

function headLength(bytes: Buffer, at: number): number {
  const length = bytes[at + 1];
  return length === LENGTH_IN_64_BITS ? 10 : length === LENGTH_IN_16_BITS ? 4 : 2;
}

/** Bytes of the frame at a position, head included; -1 when its head is not yet here. */
function frameLength(bytes: Buffer, at: number): number {
  if (at + 2 > bytes.length) return -1;
  const length = bytes[at + 1] as number;
  if (length < LENGTH_IN_16_BITS) return 2 + length;
  const headBytes = headLength(bytes, at);
  if (at + headBytes > bytes.length) return -1;
  return headBytes + (headBytes === 4 ? bytes.readUInt16BE(at + 2) : bytes.readUInt32BE(at + 6));
}
