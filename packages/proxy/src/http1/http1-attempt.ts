/** One request on its way to an instance by HTTP/1.1, over whichever connection it gets. */
import type { Attempt, AttemptFailure, AttemptReceiver, Fields, InstanceRequest } from "../call.js";
import type { InstanceConnection } from "./instance-connection.js";
import type { InstancePool } from "./instance-pool.js";
import { chunkEnd, chunkSize, fieldLines } from "./output.js";

export class Http1Attempt implements Attempt {
  readonly request: InstanceRequest;
  readonly receiver: AttemptReceiver;
  /** The whole request was handed to the connection. */
  isSent = false;
  readonly #pool: InstancePool;
  #connection: InstanceConnection | undefined;
  #isOver = false;
  #hasSentBody = false;
  #isRepeated = false;

  constructor(request: InstanceRequest, pool: InstancePool, receiver: AttemptReceiver) {
    this.request = request;
    this.receiver = receiver;
    this.#pool = pool;
  }

  get isReady(): boolean {
    return this.#connection !== undefined;
  }

  /** Nobody is to be told any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Writes the head to a connection that is this attempt's from now on. */
  attach(connection: InstanceConnection): void {
    this.#connection = connection;
    const { method, path, fields, bodyBytes, upgrade } = this.request;
    let text = `${method} ${path} HTTP/1.1\r\n${fieldLines(fields)}`;
    if (bodyBytes === undefined) text += "transfer-encoding: chunked\r\n";
    if (upgrade !== undefined) text += `connection: upgrade\r\nupgrade: ${upgrade}\r\n`;
    connection.output.text(`${text}\r\n`);
    this.isSent = bodyBytes === 0;
  }

  write(chunk: Buffer): boolean {
    const connection = this.#connection;
    if (connection === undefined || this.#isOver || chunk.length === 0) return true;
    this.#hasSentBody = true;
    const { output } = connection;
    if (this.request.bodyBytes === undefined) {
      output.text(chunkSize(chunk.length));
      output.piece(chunk);
      output.text("\r\n");
    } else output.piece(chunk);
    return !output.isFull;
  }

  flush(): void {
    this.#connection?.output.flush();
  }

  end(trailers: Fields): void {
    const connection = this.#connection;
    if (connection === undefined || this.#isOver || this.isSent) return;
    if (this.request.bodyBytes === undefined) connection.output.text(chunkEnd(trailers));
    this.isSent = true;
  }

  pause(): void {
    this.#connection?.pause();
  }

  resume(): void {
    this.#connection?.resume();
  }

  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#connection === undefined) this.#pool.forget(this);
    else this.#connection.destroy();
  }

  /** The answer was told whole, or the connection switched. */
  finish(): void {
    this.#isOver = true;
  }

  fail(failure: AttemptFailure): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.receiver.onFailure(failure);
  }

  /**
   * Whether to send it once more over a fresh connection: a kept one was closed by the instance as
   * this was sent (RFC 9112 §9.3.1), and sending twice does no harm.
   */
  mayRepeat(): boolean {
    if (this.#isOver || this.#isRepeated || this.#hasSentBody) return false;
    return this.request.isRepeatable;
  }

  repeat(): void {
    this.#isRepeated = true;
    this.#connection = undefined;
    this.#pool.acquire(this);
  }
}
