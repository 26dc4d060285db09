/**
 * A small web application behind the proxy: what foreign clients ask of it shows whether they and
 * the proxy understand each other.
 *
 * | path | answer |
 * |---|---|
 * | `/hello` | `hello`, with the protocol that the caller spoke to the proxy in `x-proto` |
 * | `/echo` | the request's body, as it arrives |
 * | `/sum` | bytes and SHA-256 of the request's body |
 * | `/bytes/N` | N bytes of known length; `/chunks/N` the same without a length |
 * | `/endless` | bytes until the caller leaves, which {@link WebState.leaves} counts |
 * | `/moved` | 302 to `/hello` |
 * | `/login`, `/me` | sets a cookie; answers what was sent of it |
 * | `/page`, `/events`, `/more` | a page; a stream of events; lets that stream go on |
 */
import { createHash } from "node:crypto";
import { EventEmitter } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { WebSocketServer } from "ws";

/** What instances of one test have in common. */
export class WebState {
  /** `more`: events may go on; `left`: a caller of `/endless` went away. */
  readonly signals = new EventEmitter();
}

type Answer = (request: IncomingMessage, response: ServerResponse, state: WebState) => void;

const ANSWERS: Readonly<Record<string, Answer>> = {
  hello: (request, response) => {
    const proto = `${request.headers["x-forwarded-proto"]} ${request.headers.via ?? ""}`;
    response.writeHead(200, { "content-type": "text/plain", "x-proto": proto }).end("hello");
  },
  echo: (request, response) => void request.pipe(response),
  sum: (request, response) => {
    const hash = createHash("sha256");
    let sizeBytes = 0;
    request.on("data", (chunk: Buffer) => {
      sizeBytes += chunk.length;
      hash.update(chunk);
    });
    request.on("end", () => response.end(`${sizeBytes} ${hash.digest("hex")}`));
  },
  bytes: (request, response) => {
    const bytes = bytesOf(Number(request.url?.split("/")[2]));
    response.writeHead(200, { "content-length": bytes.length }).end(bytes);
  },
  chunks: (request, response) => {
    const bytes = bytesOf(Number(request.url?.split("/")[2]));
    response.write(bytes.subarray(0, 1_000));
    response.end(bytes.subarray(1_000));
  },
  endless: (_request, response, state) => {
    const chunk = Buffer.alloc(65_536);
    const send = (): void => {
      while (response.write(chunk));
    };
    response.on("drain", send);
    response.on("close", () => state.signals.emit("left"));
    send();
  },
  moved: (_request, response) => void response.writeHead(302, { location: "/hello" }).end(),
  login: (_request, response) => {
    response.writeHead(204, { "set-cookie": "user=ada; Path=/; HttpOnly" }).end();
  },
  me: (request, response) => void response.end(request.headers.cookie ?? "nobody"),
  page: (_request, response) => {
    response.writeHead(200, { "content-type": "text/html" });
    response.end("<!doctype html><title>served</title><h1>Through the proxy</h1>");
  },
  events: (_request, response, state) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).write("data: first\n\n");
    state.signals.once("more", () => response.write("data: second\n\n"));
  },
  more: (_request, response, state) => {
    state.signals.emit("more");
    response.writeHead(204).end();
  },
};

/** A server of the application; not yet listening. Messages of its WebSocket come back. */
export function createWebInstance(state: WebState): Server {
  const server = createServer((request, response) => {
    const name = request.url?.split("/")[1] ?? "";
    const answer = Object.hasOwn(ANSWERS, name) ? ANSWERS[name] : undefined;
    if (answer === undefined) response.writeHead(404).end();
    else answer(request, response, state);
  });
  const sockets = new WebSocketServer({ server, maxPayload: 8_388_608 });
  sockets.on("connection", (socket) => {
    socket.on("message", (data, isBinary) => {
      if (String(data) === "close me") socket.close(4_002, "as you wish");
      else socket.send(data, { binary: isBinary });
    });
  });
  return server;
}

/** Bytes that are not all alike. */
export function bytesOf(sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  for (let index = 0; index < sizeBytes; index += 1)
    bytes[index] = (index * 31 + (index >> 8)) & 255;
  return bytes;
}

export function sumOf(bytes: Buffer): string {
  return `${bytes.length} ${createHash("sha256").update(bytes).digest("hex")}`;
}
