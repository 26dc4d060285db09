/** Hostile HTTP: each request is refused with its code, counted, and nobody else notices. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { HTTP_WATCH_COUNT_MAX } from "@fpzk/core";
import { until } from "../e2e/real-cluster.js";
import { Bystander } from "./bystander.js";
import { HostileServer } from "./hostile-server.js";
import { RawTcp, upgradeHead } from "./raw-attacker.js";

const INVALID = { source: "http", code: "invalid_argument" } as const;
const INSTANCE = "/v1/namespaces/default/services/web/instances/i-1";

describe("hostile HTTP", { timeout: 280_000 }, () => {
  let server: HostileServer;
  let bystander: Bystander;

  before(async () => {
    server = await HostileServer.start({ nodeId: "victim" });
    bystander = await Bystander.join(server);
  });

  after(async () => {
    await bystander[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  async function withstands(
    series: Parameters<HostileServer["counts"]>[0],
    attack: () => Promise<void>,
    count = 1,
  ): Promise<void> {
    await server.counts(series, attack, count);
    assert.ok(server.isRunning, server.log);
    await bystander.unharmed();
  }

  /** Sends bytes and expects an answer's status before the other side closes. */
  async function isAnswered(request: string | Buffer, status: number | RegExp): Promise<string> {
    const tcp = await RawTcp.open(server.port, request);
    const text = await tcp.ended;
    if (typeof status === "number") assert.match(text, new RegExp(`^HTTP/1\\.1 ${status}`));
    else assert.match(text, status);
    return text;
  }

  const put = (body: string | Buffer, headers = "Content-Type: application/json\r\n") =>
    Buffer.concat([
      Buffer.from(
        `PUT ${INSTANCE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${headers}` +
          `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n`,
      ),
      Buffer.from(body),
    ]);

  async function isProblem(request: Buffer, status: number, code: string): Promise<void> {
    const text = await isAnswered(request, status);
    assert.match(text, /application\/problem\+json/);
    assert.equal(JSON.parse(text.slice(text.indexOf("\r\n\r\n") + 4)).code, code);
  }

  test("a body of 10 MB is refused by its length, and by its size when none is said", async () => {
    await withstands(INVALID, async () => {
      const head = `PUT ${INSTANCE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`;
      await isAnswered(`${head}Content-Length: 10000000\r\n\r\n`, 413);
    });
    await withstands(INVALID, async () => {
      const head = `PUT ${INSTANCE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`;
      const tcp = await RawTcp.open(server.port, `${head}Transfer-Encoding: chunked\r\n\r\n`);
      const chunk = Buffer.concat([
        Buffer.from("10000\r\n"),
        Buffer.alloc(0x10000, "x"),
        Buffer.from("\r\n"),
      ]);
      for (let n = 0; n < 160 && !tcp.socket.destroyed; n += 1) tcp.socket.write(chunk);
      await tcp.ended;
      // Either the answer came, or the close came before it because bytes were still under way.
      assert.match(tcp.received, /^(HTTP\/1\.1 413|$)/);
    });
  });

  const good = { endpoints: [{ host: "10.0.0.1", port: 80 }] };
  const bodies: Record<string, unknown> = {
    "an unknown field": { ...good, surprise: 1 },
    "a port of 0": { endpoints: [{ host: "a", port: 0 }] },
    "a port of 65536": { endpoints: [{ host: "a", port: 65_536 }] },
    "a port as text": { endpoints: [{ host: "a", port: "80" }] },
    "endpoints as text": { endpoints: "all" },
    "100 endpoints": { endpoints: Array.from({ length: 100 }, () => good.endpoints[0]) },
    "a weight below 0": { ...good, weight: -1 },
    "a group with a control character": { ...good, group: "a\u0007b" },
    "metadata that is no text": { ...good, metadata: { a: { b: 1 } } },
    "metadata of 20 kB": { ...good, metadata: { a: "x".repeat(20_000) } },
    "1,000 metadata entries": {
      ...good,
      metadata: Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`k${n}`, "v"])),
    },
    "a list": [],
    "a number": 7,
    nothing: null,
  };
  for (const [what, body] of Object.entries(bodies)) {
    test(`a body with ${what}`, () =>
      withstands(INVALID, () => isProblem(put(JSON.stringify(body)), 400, "invalid_argument")));
  }

  test("JSON that is none, nests 100,000 deep, poisons prototypes, is no UTF-8", async () => {
    const texts = [
      "{",
      `${"[".repeat(50_000)}${"]".repeat(50_000)}`,
      '{"__proto__":{"isAdmin":true}}',
      '{"constructor":{"prototype":{}}}',
      Buffer.from([0x22, 0xff, 0xfe, 0x22]),
    ];
    await withstands(
      INVALID,
      async () => {
        for (const text of texts) await isProblem(put(text), 400, "invalid_argument");
      },
      texts.length,
    );
  });

  test("another media type", () =>
    withstands(INVALID, () =>
      isProblem(put("a=b", "Content-Type: text/plain\r\n"), 415, "invalid_argument"),
    ));

  test("header bombs: 1 MB, 10,000 of them", async () => {
    await withstands({ source: "http", code: "resource_exhausted" }, async () => {
      await isAnswered(
        `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(1_000_000)}\r\n\r\n`,
        431,
      );
    });
    await withstands({ source: "http", code: "resource_exhausted" }, async () => {
      await isAnswered(
        `GET / HTTP/1.1\r\nHost: localhost\r\n${"X: y\r\n".repeat(10_000)}\r\n`,
        431,
      );
    });
  });

  test("two lengths, a length and chunks, bare line feeds, spaces before colons", async () => {
    const requests = [
      `PUT ${INSTANCE} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      `PUT ${INSTANCE} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
      `PUT ${INSTANCE} HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n`,
      `PUT ${INSTANCE} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
      "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
      "GET / HTTP/9.9\r\n\r\n",
      "\u0000\u0001\u0002\r\n\r\n",
      "NOTAMETHOD / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ];
    await withstands(
      INVALID,
      async () => {
        for (const request of requests) await isAnswered(request, 400);
      },
      requests.length,
    );
  });

  test("paths: bad percent-encoding, control characters, names too long, traversal", async () => {
    const get = (path: string) =>
      Buffer.from(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    const paths = [
      "/v1/namespaces/default/services/%ZZ",
      "/v1/namespaces/default/services/%ff",
      "/v1/namespaces/default/services/a%00b",
      "/v1/namespaces/default/services/a%0Ab/instances/b",
      "/v1/namespaces/a%2Fb/services/x",
      `/v1/namespaces/default/services/${"x".repeat(201)}`,
      `/v1/namespaces/default/services/${"x".repeat(5_000)}`,
      "/v1/namespaces/default/services/x?surprise=1",
      "/v1/namespaces/default/services/x/watch?resume=%00",
    ];
    await withstands(
      INVALID,
      async () => {
        for (const path of paths) await isProblem(get(path), 400, "invalid_argument");
      },
      paths.length,
    );
    await withstands({ source: "http", code: "unimplemented" }, () =>
      isProblem(get("/v1/../../etc/passwd"), 404, "unimplemented"),
    );
  });

  test("methods: HEAD, OPTIONS, TRACE, PURGE, CONNECT", async () => {
    for (const method of ["HEAD", "OPTIONS", "TRACE", "PURGE"]) {
      await withstands({ source: "http", code: "unimplemented" }, async () => {
        await isAnswered(
          `${method} /v1/nodes HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
          404,
        );
      });
    }
    await isAnswered("CONNECT a:1 HTTP/1.1\r\nHost: localhost\r\n\r\n", /^(|HTTP\/1\.1 4\d\d.*)$/s);
    await bystander.unharmed();
  });

  test("1,000 pipelined requests are answered in order", async () => {
    const count = 1_000;
    const one = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const last = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    const text = await isAnswered(`${one.repeat(count - 1)}${last}`, 200);
    assert.equal(text.match(/HTTP\/1\.1 200/g)?.length, count);
    await bystander.unharmed();
  });

  test("upgrades of a browser's page, to nowhere, without a key", async () => {
    await withstands({ source: "port", code: "permission_denied" }, async () => {
      await isAnswered(upgradeHead("/v1/session", "Origin: http://evil.example\r\n"), 403);
    });
    await withstands({ source: "port", code: "not_found" }, async () => {
      await isAnswered(upgradeHead("/v1/nowhere"), 404);
    });
    const noKey = upgradeHead("/v1/session").replace(/Sec-WebSocket-Key.*\r\n/, "");
    await withstands({ source: "port", code: "invalid_argument" }, async () => {
      await isAnswered(noKey, 400);
    });
  });

  test("a head and a body that drip, and a connection that says nothing", async () => {
    const drips: NodeJS.Timeout[] = [];
    const drip = (tcp: RawTcp, text: string) =>
      drips.push(setInterval(() => tcp.socket.write(text), 500));
    await withstands({ source: "port", code: "deadline_exceeded" }, async () => {
      assert.equal(await (await RawTcp.open(server.port)).ended, "");
    });
    await withstands(
      { source: "http", code: "deadline_exceeded" },
      async () => {
        const head = await RawTcp.open(server.port, "GET / HTTP/1.1\r\nHost: localhost\r\n");
        drip(head, "X: y\r\n");
        const body = await RawTcp.open(
          server.port,
          `PUT ${INSTANCE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n`,
        );
        drip(body, " ");
        assert.match(await head.ended, /^HTTP\/1\.1 408/);
        assert.match(await body.ended, /^HTTP\/1\.1 408/);
      },
      2,
    );
    for (const timer of drips) clearInterval(timer);
  });

  test("2,000 watches: half of them are told that there is no room", () =>
    withstands(
      { source: "http", code: "resource_exhausted" },
      async () => {
        const watch = "/v1/namespaces/default/services/watched/watch";
        const sockets = await Promise.all(
          Array.from({ length: 2_000 }, () => openWatch(server.port, watch)),
        );
        const refused = sockets.filter(({ status }) => status === 429).length;
        const opened = sockets.filter(({ status }) => status === 200).length;
        assert.equal(opened, HTTP_WATCH_COUNT_MAX);
        assert.equal(refused, 2_000 - HTTP_WATCH_COUNT_MAX);
        await bystander.unharmed();
        for (const { socket } of sockets) socket.destroy();
        await until("room to come back", 10_000, async () => {
          return (await server.metric("fpzk_streams")) === 0;
        });
      },
      2_000 - HTTP_WATCH_COUNT_MAX,
    ));

  test("a watch that is never read holds back nobody, and no memory", async () => {
    const watch = "/v1/namespaces/default/services/unread/watch";
    const { socket } = await openWatch(server.port, watch);
    socket.pause();
    const before = await server.metric("fpzk_resident_bytes");
    const put10kB = async (id: string, round: number) => {
      const metadata = { pad: `${round}-`.padEnd(10_000, "x") };
      const path = `/v1/namespaces/default/services/unread/instances/${id}`;
      const answer = await fetch(`${server.url}${path}`, {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ ...good, metadata }),
      });
      assert.ok(answer.ok);
      await answer.arrayBuffer();
    };
    for (let round = 0; round < 100; round += 1) {
      await Promise.all(Array.from({ length: 10 }, (_, n) => put10kB(`u-${n}`, round)));
    }
    await bystander.unharmed();
    const grownBytes = (await server.metric("fpzk_resident_bytes")) - before;
    assert.ok(grownBytes < 200e6, `${grownBytes} bytes more for a reader that reads nothing`);
    socket.destroy();
  });
});

async function openWatch(port: number, path: string): Promise<{ socket: Socket; status: number }> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  const [chunk] = (await once(socket, "data")) as [Buffer];
  return { socket, status: Number(chunk.toString("latin1").split(" ")[1]) };
}
