/**
 * Gathers what one turn has to say to a socket, so that it leaves in one system call.
 *
 * Small pieces are copied together; large ones go out side by side (`writev`).
 */
import type { Writable } from "node:stream";
import type { Fields } from "../call.js";

/** Up to this, copying is cheaper than a vectored write. */
const COALESCE_MAX_BYTES = 16_384;
export class Output {
  readonly #socket: Writable;
  readonly #pieces: (string | Buffer)[] = [];
  #bytes = 0;

  constructor(socket: Writable) {
    this.#socket = socket;
  }

  /**
   * The system does not take what was flushed, so that the source must pause. The socket's `drain`
   * follows for certain: that is what makes it full, and not a number of bytes of our own.
   */
  get isFull(): boolean {
    return this.#socket.writableLength > 0 && this.#socket.writableNeedDrain;
  }

  /** Adds text whose characters are bytes (latin1). */
  text(text: string): void {
    this.#pieces.push(text);
    this.#bytes += text.length;
  }

  piece(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
  }

  /** Forgets what was not flushed. */
  clear(): void {
    this.#pieces.length = 0;
    this.#bytes = 0;
  }

  flush(): void {
    const pieces = this.#pieces;
    const count = pieces.length;
    if (count === 0) return;
    const socket = this.#socket;
    const bytes = this.#bytes;
    this.#bytes = 0;
    if (count === 1) {
      const only = pieces[0] as string | Buffer;
      pieces.length = 0;
      if (typeof only === "string") socket.write(only, "latin1");
      else socket.write(only);
      return;
    }
    if (bytes <= COALESCE_MAX_BYTES) {
      const whole = Buffer.allocUnsafe(bytes);
      let at = 0;
      for (const piece of pieces) {
        if (typeof piece === "string") at += whole.write(piece, at, "latin1");
        else at += piece.copy(whole, at);
      }
      pieces.length = 0;
      socket.write(whole);
      return;
    }
    socket.cork();
    for (const piece of pieces) {
      if (typeof piece === "string") socket.write(piece, "latin1");
      else socket.write(piece);
    }
    pieces.length = 0;
    socket.uncork();
  }
}

/** Field lines, each with its line end. */
export function fieldLines(fields: Fields): string {
  let text = "";
  for (let index = 0; index < fields.length; index += 2) {
    text += `${fields[index]}: ${fields[index + 1]}\r\n`;
  }
  return text;
}

/** The size line of a chunk. */
export function chunkSize(bytes: number): string {
  return `${bytes.toString(16)}\r\n`;
}

/** The end of a chunked body. */
export function chunkEnd(trailers: Fields): string {
  return trailers.length === 0 ? "0\r\n\r\n" : `0\r\n${fieldLines(trailers)}\r\n`;
}
