/** Instances of HTTP/2 that end their answer while its request still goes on, frame by frame. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:http2";
import { type AddressInfo, createServer } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { closed, startFixture } from "../proxy-fixture.test.util.js";

const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const END_STREAM = 1;
const END_HEADERS = 4;

function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** `:status: 200` of the static table (RFC 7541, appendix A). */
const OK = frame(HEADERS, END_HEADERS, 1, Buffer.from([0x88]));
/** With `content-length: 9`. */
const OK_OF_9 = frame(HEADERS, END_HEADERS, 1, Buffer.from([0x88, 0x0f, 0x0d, 1, 0x39]));
/** `:status: 204`, and that is all. */
const EMPTY = frame(HEADERS, END_HEADERS | END_STREAM, 1, Buffer.from([0x89]));
const NO_ERROR = frame(RST_STREAM, 0, 1, Buffer.alloc(4));
const body = (flags: number): Buffer => frame(DATA, flags, 1, Buffer.from("whole"));

/** An instance that says these frames, in one write, when the head of the first request came. */
async function startScripted(t: TestContext, frames: readonly Buffer[]): Promise<number> {
  const server = createServer((socket) => {
    t.after(() => socket.destroy());
    socket.on("error", () => {});
    socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)));
    let received = Buffer.alloc(0);
    let position = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".length;
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= position + 9) {
        if (received[position + 3] === HEADERS) socket.write(Buffer.concat(frames));
        position += 9 + received.readUIntBE(position, 3);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** What a caller of HTTP/2 gets whose request goes on, unless it ends with its head. */
async function answerTo(t: TestContext, frames: readonly Buffer[], isEnded: boolean) {
  const { proxy, directory, nextEntry } = await startFixture(t, {
    outlier: { maxEjectionPercent: 0 },
  });
  directory.set("echo", { id: "a", port: await startScripted(t, frames), protocol: "h2c" });
  const session = connect(proxy.url);
  t.after(() => session.destroy());
  const stream = session.request({ ":method": "POST", ":path": "/" }, { endStream: isEnded });
  stream.on("error", () => {});
  if (!isEnded) stream.write("half of a request");
  const end = closed(stream);
  const [headers] = (await once(stream, "response")) as [{ ":status": number }];
  let text = "";
  stream.on("data", (chunk) => {
    text += String(chunk);
  });
  await end;
  const { outcome, reason } = await nextEntry();
  return { status: headers[":status"], text, code: stream.rstCode, outcome, reason };
}

const WHOLE = { status: 200, text: "whole", code: 0, outcome: "completed", reason: "" };

describe("an answer that ends before its request", { timeout: 20_000 }, () => {
  it("is whole, also when the rest of the request is refused by a reset (RFC 9113 §8.1)", async (t) => {
    assert.deepEqual(await answerTo(t, [OK, body(END_STREAM)], false), WHOLE);
    assert.deepEqual(await answerTo(t, [OK, body(END_STREAM), NO_ERROR], false), WHOLE);
    assert.deepEqual(await answerTo(t, [EMPTY, NO_ERROR], false), {
      ...{ ...WHOLE, status: 204, text: "" },
    });
    assert.deepEqual(await answerTo(t, [OK, body(END_STREAM), NO_ERROR], true), WHOLE);
  });

  it("is cut short when nothing but that reset ends it", async (t) => {
    for (const isEnded of [true, false]) {
      const { code, outcome, reason } = await answerTo(t, [OK_OF_9, body(0), NO_ERROR], isEnded);
      assert.deepEqual([code, outcome, reason], [2, "failed", "closed"], `ended: ${isEnded}`);
    }
    const { code, outcome, reason } = await answerTo(t, [OK, body(0), NO_ERROR], false);
    assert.deepEqual([code, outcome, reason], [2, "failed", "closed"]);
  });
});
