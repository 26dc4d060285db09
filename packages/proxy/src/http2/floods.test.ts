/**
 * Callers of HTTP/2 that flood their connection or never take their answers, in raw frames.
 *
 * Each costs itself its connection or stream; a bystander on another connection goes on.
 *
 * @see RFC 9113 §10.5 (denial of service); CVE-2019-9511 to 9518, CVE-2024-27316.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, connect, constants, createServer } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import {
  closed,
  deferred,
  rawConnect,
  startFixture,
  startInstance,
} from "../proxy-fixture.test.util.js";

const {
  NGHTTP2_CANCEL,
  NGHTTP2_ENHANCE_YOUR_CALM,
  NGHTTP2_FLOW_CONTROL_ERROR,
  NGHTTP2_INTERNAL_ERROR,
} = constants;
/** Older releases of node:http2 say the first of every broken rule, newer ones know the second. */
const FLOOD_CODES: readonly unknown[] = [NGHTTP2_INTERNAL_ERROR, NGHTTP2_FLOW_CONTROL_ERROR];
const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const CONTINUATION = 9;
const END_STREAM = 1;
const END_HEADERS = 4;
/** Frames of a flood that is not noticed by then. */
const FLOOD_COUNT = 60_000;

function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** `:method`, `:scheme`, `:path` of the static table, `:authority` in full (RFC 7541). */
function requestHead(method: "GET" | "POST"): Buffer {
  const authority = Buffer.concat([Buffer.from([0x41, 1]), Buffer.from("x")]);
  return Buffer.concat([Buffer.from([method === "GET" ? 0x82 : 0x83, 0x86, 0x84]), authority]);
}

/** A setting of 6 bytes. */
function setting(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt32BE(value, 2);
  return bytes;
}

/** A field of 4,000 bytes, kept by index (RFC 7541 §6.2.1): 0xbe names it again. */
const GROWING = Buffer.concat([
  Buffer.from([0x40, 1, 0x78, 0x7f, 0xa1, 0x1e]),
  Buffer.alloc(4_000, "v"),
]);
const INITIAL_WINDOW_SIZE = 4;
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** A caller that says what it is told to, and knows what came back. */
class RawCaller {
  readonly socket: Socket;
  readonly #frames: { type: number; streamId: number; payload: Buffer }[] = [];
  #received: Buffer = Buffer.alloc(0);

  constructor(t: TestContext, port: number, settings: Buffer = Buffer.alloc(0)) {
    this.socket = rawConnect(port);
    t.after(() => this.socket.destroy());
    this.socket.on("data", (chunk: Buffer) => this.#take(chunk));
    this.socket.on("end", () => this.socket.destroy());
    this.socket.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, 0, settings)]));
  }

  /** The code of the last GOAWAY or reset stream; undefined when there was none. */
  codeOf(type: typeof GOAWAY | typeof RST_STREAM): number | undefined {
    const found = this.#frames.findLast((one) => one.type === type);
    return found?.payload.readUInt32BE(type === GOAWAY ? 4 : 0);
  }

  /** Whether the head of an answer came on a stream. */
  hasHead(streamId: number): boolean {
    return this.#frames.some((one) => one.type === HEADERS && one.streamId === streamId);
  }

  /** Sends a frame again and again until the connection ends. */
  async flood(bytes: Buffer): Promise<void> {
    const gone = closed(this.socket);
    const many = Buffer.concat(Array.from({ length: 100 }, () => bytes));
    for (let sent = 0; sent < FLOOD_COUNT && !this.socket.destroyed; sent += 100) {
      if (!this.socket.write(many)) {
        await Promise.race([gone, once(this.socket, "drain")]).catch(() => {});
      }
    }
    await gone;
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 9) {
      const end = 9 + this.#received.readUIntBE(0, 3);
      if (this.#received.length < end) return;
      const type = this.#received.readUInt8(3);
      const streamId = this.#received.readUInt32BE(5);
      this.#frames.push({ type, streamId, payload: this.#received.subarray(9, end) });
      this.#received = this.#received.subarray(end);
    }
  }
}

/** A proxy whose instance answers `body`, and one who asks it now and then. */
async function startAll(t: TestContext, idleTimeoutMs = 60_000, bodyBytes = 10) {
  const fixture = await startFixture(t, {
    limits: { idleTimeoutMs },
    admin: { port: 0 },
  });
  const left = deferred<void>();
  const instance = await startInstance(t, (request, response) => {
    if (request.url === "/bystander") return void response.end("served");
    response.on("close", () => left.resolve());
    if (bodyBytes === 0) response.write("begun");
    else response.end(Buffer.alloc(bodyBytes));
  });
  fixture.directory.set("echo", { id: "a", port: instance.port });
  const session: ClientHttp2Session = connect(fixture.proxy.url);
  t.after(() => session.destroy());
  const unharmed = async (): Promise<void> => {
    // An idle one is closed in its time.
    const other = session.closed || session.destroyed ? connect(fixture.proxy.url) : session;
    const stream = other.request({ ":path": "/bystander" });
    let text = "";
    for await (const chunk of stream) text += String(chunk);
    assert.equal(text, "served");
    if (other !== session) other.close();
  };
  await unharmed();
  const metric = async (reason: string): Promise<number> => {
    const { adminPort } = fixture.proxy;
    const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
    const series = new RegExp(`proxy_invalid_requests_total\\{reason="${reason}"\\} (\\d+)`);
    return Number(series.exec(text)?.[1] ?? 0);
  };
  return { ...fixture, unharmed, left: left.promise, metric };
}

describe("a caller of HTTP/2 that floods", () => {
  const open = frame(HEADERS, END_HEADERS, 1, requestHead("POST"));
  const floods: [string, Buffer, Buffer][] = [
    [
      "a header section without end",
      frame(HEADERS, 0, 1, requestHead("GET")),
      // A literal field that is not indexed: 16 bytes.
      frame(CONTINUATION, 0, 1, Buffer.from("\u0000\u0006x-abcd\u0007abcdefg", "latin1")),
    ],
    ["empty pieces of a header section", frame(HEADERS, 0, 1), frame(CONTINUATION, 0, 1)],
    ["pings", Buffer.alloc(0), frame(PING, 0, 0, Buffer.alloc(8))],
    ["settings", Buffer.alloc(0), frame(SETTINGS, 0, 0, setting(INITIAL_WINDOW_SIZE, 65_535))],
    ["empty pieces of a body", open, frame(DATA, 0, 1)],
    ["windows that overflow", Buffer.alloc(0), frame(WINDOW_UPDATE, 0, 0, windowOf(2 ** 30))],
  ];
  for (const [name, first, again] of floods) {
    it(`by ${name} loses its connection, and nobody else notices`, async (t) => {
      const { proxy, unharmed, metric } = await startAll(t);
      const caller = new RawCaller(t, proxy.port);
      caller.socket.write(first);
      const flooding = caller.flood(again);
      await unharmed();
      await flooding;
      await unharmed();
      // The connection may be gone before it arrives.
      const code = caller.codeOf(GOAWAY);
      assert.ok(code === undefined || FLOOD_CODES.includes(code), `GOAWAY ${code}`);
      assert.equal(await metric("frames"), 1);
    });
  }
});

describe("a caller of HTTP/2 whose header section grows when it is read", () => {
  it("is refused, and its connection serves on", async (t) => {
    const { proxy, unharmed, metric } = await startAll(t);
    const caller = new RawCaller(t, proxy.port);
    const head = Buffer.concat([requestHead("GET"), GROWING, Buffer.alloc(90, 0xbe)]);
    caller.socket.write(frame(HEADERS, END_HEADERS | END_STREAM, 1, head));
    while (!caller.hasHead(1)) await once(caller.socket, "data");
    assert.equal(await metric("header-size"), 1);
    // What was kept counts for the next stream: the field alone is within the bounds.
    const next = Buffer.concat([requestHead("GET"), Buffer.from([0xbf])]);
    caller.socket.write(frame(HEADERS, END_HEADERS | END_STREAM, 3, next));
    while (!caller.hasHead(3)) await once(caller.socket, "data");
    await unharmed();
  });

  it("breaks off its own stream when trailers do so", async (t) => {
    const { proxy, unharmed } = await startAll(t);
    const caller = new RawCaller(t, proxy.port);
    caller.socket.write(frame(HEADERS, END_HEADERS, 1, requestHead("POST")));
    const trailers = Buffer.concat([GROWING, Buffer.alloc(90, 0xbe)]);
    caller.socket.write(frame(HEADERS, END_HEADERS | END_STREAM, 1, trailers));
    while (caller.codeOf(RST_STREAM) === undefined) await once(caller.socket, "data");
    assert.equal(caller.codeOf(RST_STREAM), NGHTTP2_ENHANCE_YOUR_CALM);
    await unharmed();
  });

  it("costs an instance that answers so its own answer", async (t) => {
    const { directory, proxy } = await startAll(t);
    const big = createServer();
    big.on("stream", (stream) => {
      const headers: Record<string, string> = { ":status": "200" };
      for (let index = 0; index < 30; index += 1) headers[`x-${index}`] = "v".repeat(1_000);
      stream.respond(headers);
      stream.end("body");
    });
    big.on("session", (one) => t.after(() => one.destroy()));
    big.listen(0, "127.0.0.1");
    await once(big, "listening");
    t.after(() => big.close());
    const { port } = big.address() as AddressInfo;
    directory.set("echo", { id: "b", port, protocol: "h2c" });
    const session = connect(proxy.url);
    t.after(() => session.destroy());
    const stream = session.request({ ":path": "/" });
    const [headers] = await once(stream.resume(), "response");
    assert.equal(headers[":status"], 502);
  });
});

describe("a caller of HTTP/2 that takes nothing", () => {
  const get = frame(HEADERS, END_HEADERS | END_STREAM, 1, requestHead("GET"));
  for (const bodyBytes of [10, 1_000_000]) {
    it(`loses its answer of ${bodyBytes} bytes after the idle timeout`, async (t) => {
      const { proxy, unharmed, nextEntry } = await startAll(t, 600, bodyBytes);
      await nextEntry();
      const caller = new RawCaller(t, proxy.port, setting(INITIAL_WINDOW_SIZE, 0));
      caller.socket.write(get);
      // It goes on to say that it is there.
      const alive = setInterval(() => caller.socket.write(frame(PING, 0, 0, Buffer.alloc(8))), 100);
      t.after(() => clearInterval(alive));
      const { outcome } = await nextEntry();
      // The small one was whole as far as the instance goes.
      assert.equal(outcome, bodyBytes === 10 ? "completed" : "aborted");
      await unharmed();
      while (caller.codeOf(RST_STREAM) === undefined) await once(caller.socket, "data");
      const code = bodyBytes === 10 ? NGHTTP2_CANCEL : NGHTTP2_INTERNAL_ERROR;
      assert.equal(caller.codeOf(RST_STREAM), code);
    });
  }

  it("and is silent, pings included, is given up", async (t) => {
    const { proxy, unharmed, nextEntry, left } = await startAll(t, 600, 0);
    await nextEntry();
    const caller = new RawCaller(t, proxy.port);
    caller.socket.write(get);
    await closed(caller.socket);
    await left;
    assert.equal((await nextEntry()).outcome, "aborted");
    await unharmed();
  });

  it("is kept while it answers pings, though its stream is silent", async (t) => {
    const { proxy } = await startAll(t, 600, 0);
    const session = connect(proxy.url);
    t.after(() => session.destroy());
    const stream = session.request({ ":path": "/" });
    stream.on("error", () => {});
    await once(stream, "data");
    const pinged = once(session, "ping");
    await pinged;
    await once(session, "ping");
    assert.equal(stream.closed, false);
  });
});

function windowOf(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return payload;
}
