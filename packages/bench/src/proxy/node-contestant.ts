/**
 * One proxy of Node.js in a process of its own, or the origin: which is said by its one argument.
 *
 * Each forwards everything to the origin over kept connections and writes no log.
 */
import { readFileSync } from "node:fs";
import { Agent, createServer as createHttpServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import { connect as connectTcp, createServer, type Socket } from "node:net";
import { join } from "node:path";
import replyFrom from "@fastify/reply-from";
import { connect } from "@fpzk/client";
import { directoryFromClient, startProxy } from "@fpzk/proxy";
import fastify from "fastify";
import httpProxy from "http-proxy";
import { GRPC_MESSAGE } from "./grpc-call.js";

interface Settings {
  readonly kind: string;
  readonly port: number;
  readonly originPort: number;
  /** Of an origin: a second port, of HTTP/2 in clear. */
  readonly http2Port?: number;
  readonly registry: string;
  readonly service: string;
  /** Of a proxy. */
  readonly originHttp2Port: number;
  readonly speaks: "http1" | "http2";
  readonly isTls: boolean;
  readonly directory: string;
}

const HOST = "127.0.0.1";
const BACKLOG = 4_096;
const settings = JSON.parse(process.argv[2] ?? "{}") as Settings;
const { port, originPort, isTls, directory } = settings;
const origin = `http://${HOST}:${originPort}`;
const tls = isTls
  ? {
      cert: readFileSync(join(directory, "cert.pem"), "utf8"),
      key: readFileSync(join(directory, "key.pem"), "utf8"),
    }
  : undefined;

const STARTS: Readonly<Record<string, () => Promise<void> | void>> = {
  async fpzk() {
    const client = await connect({ servers: [settings.registry] });
    const proxy = await startProxy({
      port,
      directory: directoryFromClient(client),
      routes: [{ service: settings.service }],
      ...(tls === undefined ? {} : { tls }),
    });
    await proxy.ready();
    // By this the process ends in order, and writes the profile that it was asked for.
    process.once("SIGTERM", () => process.exit(0));
  },

  "http-proxy"() {
    const agent = new Agent({ keepAlive: true });
    const proxy = httpProxy.createProxyServer({ target: origin, agent, xfwd: true });
    proxy.on("error", () => {});
    const server = tls === undefined ? createHttpServer() : createHttpsServer(tls);
    server.on("request", (request, response) => proxy.web(request, response));
    server.listen(port, HOST, BACKLOG);
  },

  async "reply-from"() {
    const app = fastify(tls === undefined ? {} : ({ https: tls } as object));
    await app.register(replyFrom, { base: origin, undici: { connections: 512, pipelining: 1 } });
    app.all("/*", (_request, reply) => reply.from());
    await app.listen({ port, host: HOST, backlog: BACKLOG });
  },

  relay() {
    const relayedPort = settings.speaks === "http2" ? settings.originHttp2Port : originPort;
    const server = createServer({ noDelay: true }, (caller) => {
      const there = connectTcp({ port: relayedPort, host: HOST, noDelay: true });
      for (const socket of [caller, there] as Socket[]) socket.on("error", () => {});
      caller.pipe(there);
      there.pipe(caller);
      caller.on("close", () => there.destroy());
      there.on("close", () => caller.destroy());
    });
    server.listen(port, HOST, BACKLOG);
  },

  /** Answers each head that it sees; by the first byte of the path: a small body or a large one. */
  origin() {
    const answers = new Map([1_024, 1_048_576].map((bytes) => [bytes, answerOf(bytes)]));
    const server = createServer({ noDelay: true }, (socket) => {
      socket.on("error", () => {});
      socket.on("data", (chunk: Buffer) => {
        const isLarge = chunk.indexOf("GET /large") >= 0;
        const answer = answers.get(isLarge ? 1_048_576 : 1_024) as Buffer;
        for (let at = chunk.indexOf("\r\n\r\n"); at >= 0; at = chunk.indexOf("\r\n\r\n", at + 4)) {
          socket.write(answer);
        }
      });
    });
    server.listen(port, HOST, BACKLOG);
    if (settings.http2Port === undefined) return;
    const framed = createHttp2Server();
    framed.on("stream", (stream, headers) => {
      stream.on("error", () => {});
      stream.resume();
      if (headers[":method"] === "POST") {
        const options = { waitForTrailers: true };
        stream.respond({ ":status": 200, "content-type": "application/grpc" }, options);
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
        stream.end(GRPC_MESSAGE);
      } else {
        stream.respond({ ":status": 200, "content-type": "text/plain" });
        stream.end(Buffer.alloc(headers[":path"] === "/large" ? 1_048_576 : 1_024, "x"));
      }
    });
    framed.listen(settings.http2Port, HOST, BACKLOG);
  },
};

function answerOf(bytes: number): Buffer {
  const head = `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${bytes}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), Buffer.alloc(bytes, "x")]);
}

await STARTS[settings.kind]?.();
