/** Reads a watch over a real socket, line by line, for tests. */
import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import { AUTHORIZED } from "./rest-fixture.test.support.js";

// biome-ignore lint/suspicious/noExplicitAny: tests look into lines of many shapes.
export type Line = any;

export async function listen(app: FastifyInstance): Promise<number> {
  await app.listen({ host: "127.0.0.1", port: 0 });
  return (app.server.address() as AddressInfo).port;
}

export class WatchReader {
  readonly #request: ClientRequest;
  readonly response: IncomingMessage;
  readonly lines: Line[] = [];
  text = "";
  #rest = "";
  #takenCount = 0;

  private constructor(request: ClientRequest, response: IncomingMessage) {
    this.#request = request;
    this.response = response;
    response.setEncoding("utf8");
  }

  static async open(
    port: number,
    path: string,
    headers: Record<string, string> = {},
  ): Promise<WatchReader> {
    const sent = request({ host: "127.0.0.1", port, path, headers: { ...AUTHORIZED, ...headers } });
    sent.end();
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    sent.on("error", () => {});
    return new WatchReader(sent, response);
  }

  /** Begins to read; a reader that was opened and not started takes nothing. */
  start(): this {
    this.response.on("data", (chunk: string) => {
      this.text += chunk;
      const parts = (this.#rest + chunk).split("\n");
      this.#rest = parts.pop() ?? "";
      for (const part of parts) {
        if (part.startsWith("data: ")) this.lines.push(JSON.parse(part.slice(6)));
        else if (part.startsWith("{")) this.lines.push(JSON.parse(part));
      }
      this.response.emit("lines");
    });
    this.response.on("error", () => {});
    return this;
  }

  /** The next line; undefined when the stream has ended. */
  async next(): Promise<Line> {
    while (this.lines.length <= this.#takenCount) {
      if (this.response.complete || this.response.destroyed) return undefined;
      const ended = new AbortController();
      await Promise.race([
        once(this.response, "lines", { signal: ended.signal }),
        once(this.response, "close", { signal: ended.signal }),
      ]).catch(() => undefined);
      ended.abort();
    }
    const line = this.lines[this.#takenCount];
    this.#takenCount += 1;
    return line;
  }

  /** Lines up to and including the next one of this type. */
  async until(type: string): Promise<Line[]> {
    const found: Line[] = [];
    for (;;) {
      const line = await this.next();
      if (line === undefined) return found;
      found.push(line);
      if (line.type === type) return found;
    }
  }

  close(): void {
    this.#request.destroy();
  }
}
