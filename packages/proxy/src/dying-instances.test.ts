/**
 * Instances that die while they answer: what callers see, and what is told of it. The rows of
 * `docs/proxy.md` are these cases.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type ClientHttp2Stream, connect, createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import type { AccessEntry } from "./access-log.js";
import type { ProxyOptions } from "./options.js";
import type { RunningProxy } from "./proxy.js";
import {
  closed,
  type ProxyFixture,
  rawConnect,
  type StaticDirectory,
  startFixture,
} from "./proxy-fixture.test.util.js";

/** An instance that has answered half of something. */
interface Dying {
  readonly port: number;
  readonly protocol: string;
  /** Ends it as the end of a process does: in order, or by a reset where bytes were not read. */
  readonly die: (isReset: boolean) => void;
}

/** Of HTTP/1.1, upgrades and TCP: says `text` to the first bytes of each connection. */
async function startRaw(t: TestContext, text: string): Promise<Dying> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", () => socket.write(text));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const die = (isReset: boolean): void => {
    for (const socket of sockets) {
      if (isReset) socket.resetAndDestroy();
      else socket.destroy();
    }
  };
  t.after(() => die(false));
  return { port: (server.address() as AddressInfo).port, protocol: "http", die };
}

/** Of HTTP/2: begins each answer with `half` of it. */
async function startHttp2(t: TestContext, contentType: string, protocol: string): Promise<Dying> {
  const server = createHttp2Server();
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  server.on("sessionError", () => {});
  server.on("stream", (stream) => {
    stream.on("error", () => {});
    stream.respond({ ":status": 200, "content-type": contentType }, { waitForTrailers: true });
    stream.write("half");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const die = (isReset: boolean): void => {
    for (const socket of sockets) {
      if (isReset) socket.resetAndDestroy();
      else socket.destroy();
    }
  };
  t.after(() => die(false));
  return { port: (server.address() as AddressInfo).port, protocol, die };
}

/** What a caller sees after `half`: each resolves when its connection or stream has ended. */
interface Caller {
  readonly half: Promise<unknown>;
  readonly end: Promise<string>;
}

function callRaw(port: number, text: string): Caller {
  const socket = rawConnect(port);
  let received = "";
  let isReset = false;
  socket.on("error", (error: NodeJS.ErrnoException) => {
    isReset = error.code === "ECONNRESET";
  });
  const half = new Promise<void>((resolve) => {
    socket.on("data", (chunk) => {
      received += String(chunk);
      if (received.includes("half")) resolve();
    });
  });
  socket.on("end", () => socket.end());
  const end = closed(socket).then(() => {
    if (isReset) return "reset";
    return /\r\n0\r\n(.*\r\n)*\r\n$/.test(received) ? "whole" : "cut short";
  });
  socket.write(text);
  return { half, end };
}

function callHttp2(t: TestContext, url: string, contentType?: string): Caller {
  const session = connect(url);
  t.after(() => session.destroy());
  const fields = contentType === undefined ? {} : { "content-type": contentType };
  const stream: ClientHttp2Stream = session.request({
    ...{ ":method": contentType === undefined ? "GET" : "POST", ":path": "/a.B/c" },
    ...fields,
  });
  stream.on("error", () => {});
  stream.end();
  let status = "";
  stream.on("trailers", (trailers) => {
    status = ` grpc-status ${trailers["grpc-status"]}: ${trailers["grpc-message"]}`;
  });
  const half = once(stream, "data");
  const end = closed(stream).then(() => `stream ended by code ${stream.rstCode}${status}`);
  stream.resume();
  return { half, end };
}

const HEAD = "HTTP/1.1 200 OK\r\n";
const GET = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
const UPGRADE = "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
const SWITCHED = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
const INTERNAL_ERROR = "stream ended by code 2";

interface Case {
  /** First column of the table. */
  readonly answer: string;
  readonly start: (t: TestContext) => Promise<Dying>;
  /** By the caller's protocol. */
  readonly call: (t: TestContext, proxy: RunningProxy, protocol: "1.1" | "2") => Caller;
  /** What callers see, by protocol; a protocol that is left out has no such answer. */
  readonly sees: Readonly<Partial<Record<"1.1" | "2", RegExp>>>;
  /** When the instance's connection ends in order: where that is told apart from a reset. */
  readonly atEnd?: { readonly sees: Readonly<Partial<Record<"1.1" | "2", RegExp>>> };
  readonly outcome: AccessEntry["outcome"];
  readonly options?: Partial<ProxyOptions>;
}

const callHttp: Case["call"] = (t, proxy, protocol) =>
  protocol === "2" ? callHttp2(t, proxy.url) : callRaw(proxy.port, GET);
const CUT = { "1.1": /^cut short$/, "2": new RegExp(`^${INTERNAL_ERROR}$`) };

const CASES: readonly Case[] = [
  {
    answer: "HTTP/1.1, `Content-Length`",
    start: (t) => startRaw(t, `${HEAD}content-length: 100\r\n\r\nhalf`),
    call: callHttp,
    sees: CUT,
    atEnd: { sees: CUT },
    outcome: "failed",
  },
  {
    answer: "HTTP/1.1, `chunked`",
    start: (t) => startRaw(t, `${HEAD}transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n`),
    call: callHttp,
    sees: CUT,
    atEnd: { sees: CUT },
    outcome: "failed",
  },
  {
    answer: "HTTP/1.1, until its connection ends",
    start: (t) => startRaw(t, `${HEAD}\r\nhalf`),
    call: callHttp,
    sees: CUT,
    atEnd: { sees: { "1.1": /^whole$/, "2": /^stream ended by code 0$/ } },
    outcome: "failed",
  },
  {
    answer: "HTTP/2",
    start: (t) => startHttp2(t, "text/plain", "h2c"),
    call: callHttp,
    sees: CUT,
    atEnd: { sees: CUT },
    outcome: "failed",
  },
  {
    answer: "gRPC",
    start: (t) => startHttp2(t, "application/grpc", "grpc"),
    call: (t, proxy) => callHttp2(t, proxy.url, "application/grpc"),
    sees: {
      "2": /^stream ended by code 0 grpc-status 14: instance a of echo broke its answer off/,
    },
    outcome: "failed",
  },
  {
    answer: "WebSocket, other upgrades",
    start: (t) => startRaw(t, `${SWITCHED}half`),
    call: (_t, proxy) => callRaw(proxy.port, UPGRADE),
    sees: { "1.1": /^reset$/ },
    atEnd: { sees: { "1.1": /^cut short$/ } },
    outcome: "upgraded",
  },
  {
    answer: "plain TCP",
    start: (t) => startRaw(t, "half"),
    call: (_t, { tcpPorts: [port = 0] }) => callRaw(port, "hello"),
    sees: { "1.1": /^reset$/ },
    atEnd: { sees: { "1.1": /^cut short$/ } },
    outcome: "failed",
    options: { tcp: [{ port: 0, service: "echo" }] },
  },
];

describe("an instance that dies while it answers", { timeout: 60_000 }, () => {
  for (const one of CASES) {
    for (const protocol of ["1.1", "2"] as const) {
      const seen = one.sees[protocol];
      if (seen === undefined) continue;
      it(`${one.answer}: a caller of ${protocol} when it is reset`, async (t) => {
        const fixture = await startFixture(t, { ...NO_RETRY, ...one.options });
        const end = await callAndKill(t, one, { ...fixture, protocol, isReset: true });
        assert.match(end, seen);
        const { outcome, reason } = await fixture.nextEntry();
        assert.deepEqual([outcome, reason], [one.outcome, "closed"]);
        assert.match(await fixture.proxy.metrics.registry.metrics(), FAILURE_COUNTED);
        assert.equal(fixture.directory.heldCount, 0);
      });
      const seenAtEnd = one.atEnd?.sees[protocol];
      if (seenAtEnd === undefined) continue;
      it(`${one.answer}: a caller of ${protocol} when it ends in order`, async (t) => {
        const fixture = await startFixture(t, { ...NO_RETRY, ...one.options });
        const end = await callAndKill(t, one, { ...fixture, protocol, isReset: false });
        assert.match(end, seenAtEnd);
        const { outcome, reason } = await fixture.nextEntry();
        const isTold = one.sees[protocol] === seenAtEnd;
        // An end in order is the end of what has no other; nobody can tell it from a death.
        assert.equal(reason, isTold ? "closed" : "");
        assert.equal(outcome === "failed", isTold);
      });
    }
  }

  it("costs other streams of the caller's connection nothing", async (t) => {
    const { proxy, directory } = await startFixture(t, {
      routes: [{ service: "echo" }, { service: "other", pathPrefix: "/other" }],
    });
    const dying = await startRaw(t, `${HEAD}content-length: 100\r\n\r\nhalf`);
    const living = await startRaw(t, `${HEAD}content-length: 4\r\n\r\nhalf`);
    directory.set("echo", { id: "a", port: dying.port });
    directory.set("other", { id: "b", port: living.port });
    const session = connect(proxy.url);
    t.after(() => session.destroy());
    const broken = session.request({ ":path": "/" });
    broken.on("error", () => {});
    const brokenOff = closed(broken);
    await once(broken, "data");
    dying.die(true);
    await brokenOff;
    const whole = session.request({ ":path": "/other" });
    const [chunk] = (await once(whole, "data")) as [Buffer];
    assert.equal(String(chunk), "half");
    await once(whole.resume(), "end");
  });

  it("is told in the table of docs/proxy.md, row for row", () => {
    const page = readFileSync(new URL("../../../docs/proxy.md", import.meta.url), "utf8");
    const [, table = ""] = page.split("### An instance that dies while it answers");
    const rows = [...(table.split("\n## ")[0]?.matchAll(/^\| ([^|]+) \|.*\| ([^|]+) \|$/gm) ?? [])];
    const told = rows.slice(1).map(([, answer, outcome]) => `${answer}: ${outcome}`);
    const expected = CASES.map(({ answer, outcome }) => `${answer}: \`${outcome}\`, \`closed\``);
    assert.deepEqual(told, expected);
  });
});

/** The instance fails on purpose, and is asked each time. */
const NO_RETRY: Partial<ProxyOptions> = { outlier: { maxEjectionPercent: 0 } };
const FAILURE_COUNTED = /(attempt|tcp)_failures_total\{[^}]*service="echo",reason="closed"\} 1\n/;

interface Death extends Pick<ProxyFixture, "proxy"> {
  readonly directory: StaticDirectory;
  readonly protocol: "1.1" | "2";
  readonly isReset: boolean;
}

/** Kills the instance once half of the answer is with the caller; how that sees it. */
async function callAndKill(t: TestContext, one: Case, death: Death): Promise<string> {
  const { proxy, directory, protocol, isReset } = death;
  const { port, protocol: spoken, die } = await one.start(t);
  directory.set("echo", { id: "a", port, protocol: spoken });
  const { half, end } = one.call(t, proxy, protocol);
  await half;
  die(isReset);
  return end;
}
