/**
 * The memory that a connection reads into, with as little of it taken as can be.
 *
 * Small reads go into one memory that all connections share, and are copied out at once: Node would
 * take 64 KiB for each and have the collector give it back. Copying a large read would cost more
 * than it saves; from the second one in a row on a connection, it reads into memory of its own,
 * which is handed on as it is.
 */

const READ_BYTES = 65_536;
/** From this size a read is large. */
const LARGE_BYTES = 32_768;

/** Only ever read into and copied from within one callback of a socket. */
const SHARED = Buffer.allocUnsafeSlow(READ_BYTES);

/** The `onread` of one socket. */
export class ReadBuffers {
  readonly #onRead: (chunk: Buffer) => void;
  #next: Buffer = SHARED;

  constructor(onRead: (chunk: Buffer) => void) {
    this.#onRead = onRead;
  }

  /** Where the socket reads to next; asked for before the first read and after each. */
  readonly buffer = (): Buffer => this.#next;

  readonly callback = (count: number): boolean => {
    const read = this.#next;
    const isLarge = count >= LARGE_BYTES;
    let chunk: Buffer;
    if (isLarge && read !== SHARED) {
      chunk = read.subarray(0, count);
      this.#next = Buffer.allocUnsafeSlow(READ_BYTES);
    } else {
      chunk = Buffer.allocUnsafe(count);
      read.copy(chunk, 0, 0, count);
      this.#next = isLarge ? Buffer.allocUnsafeSlow(READ_BYTES) : SHARED;
    }
    this.#onRead(chunk);
    return true;
  };
}
