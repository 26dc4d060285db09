/** Libraries through the proxy: `@grpc/grpc-js`, `ws`, undici, and agents of node:http. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { Client, type ClientWritableStream, credentials, status } from "@grpc/grpc-js";
import { Agent, request } from "undici";
import { WebSocket } from "ws";
import { identity } from "../grpc-bytes.js";
import { callUnary, SERVICE } from "./grpc-echo.js";
import { startStage } from "./stage.js";
import { bytesOf, sumOf } from "./web-instance.js";

test("libraries", { timeout: 120_000 }, async (t) => {
  const { clear, secured, ca } = await startStage(t);
  const schemes = [
    { name: "in clear", ...clear, isTls: false },
    { name: "over TLS", ...secured, isTls: true },
  ];

  for (const { name, url, port, isTls } of schemes) {
    await t.test(`gRPC ${name}`, async (t) => {
      const trusted = isTls ? credentials.createSsl(Buffer.from(ca)) : credentials.createInsecure();
      const client = new Client(`localhost:${port}`, trusted);
      t.after(() => client.close());
      const answer = await callUnary(client, SERVICE.unary.path, "hello");
      assert.deepEqual(answer, { text: "hello", trailer: "in", error: null });
      const large = "x".repeat(3_000_000);
      assert.equal((await callUnary(client, SERVICE.unary.path, large)).text, large);
      assert.equal(await sum(client), "5050");
      assert.deepEqual(await chat(client, ["one", "two"]), ["re one", "re two"]);
      const parts: string[] = [];
      const { path } = SERVICE.count;
      const counted = client.makeServerStreamRequest(path, identity, identity, Buffer.from("100"));
      for await (const part of counted) parts.push(String(part));
      assert.equal(parts.length, 100);
      const failed = await callUnary(client, SERVICE.fail.path, "");
      assert.equal(failed.error?.code, status.FAILED_PRECONDITION);
      assert.equal(failed.error?.details, "nicht jetzt: später");
      assert.deepEqual(failed.error?.metadata.get("x-detail-bin"), [Buffer.from([0, 255, 7])]);
      const late = await callUnary(client, SERVICE.hang.path, "", { deadline: Date.now() + 200 });
      assert.equal(late.error?.code, status.DEADLINE_EXCEEDED);
    });

    await t.test(`a WebSocket of ws ${name}`, async () => {
      const open = async (): Promise<WebSocket> => {
        const socket = new WebSocket(url.replace("http", "ws"), isTls ? { ca } : {});
        await once(socket, "open");
        return socket;
      };
      const socket = await open();
      for (const sent of ["text", bytesOf(10), bytesOf(4_000_000)]) {
        socket.send(sent);
        const [data, isBinary] = (await once(socket, "message")) as [Buffer, boolean];
        assert.equal(isBinary, typeof sent !== "string");
        assert.ok(Buffer.from(sent).equals(data), `${sent.length} unchanged`);
      }
      const pong = once(socket, "pong");
      socket.ping("are you there?");
      assert.equal(String((await pong)[0]), "are you there?");
      const closing = once(socket, "close") as Promise<[number, Buffer]>;
      socket.send("close me");
      const [code, reason] = await closing;
      assert.deepEqual([code, String(reason)], [4_002, "as you wish"]);
      const broken = await open();
      broken.terminate();
      const again = await open();
      again.close(1_000);
      await once(again, "close");
    });

    await t.test(`undici ${name}`, async (t) => {
      const tls = isTls ? { ca } : {};
      for (const allowH2 of isTls ? [false, true] : [false]) {
        const dispatcher = new Agent({ allowH2, connect: tls, pipelining: 1 });
        t.after(() => dispatcher.destroy());
        const all = Array.from({ length: 20 }, async (_, index) => {
          const body = bytesOf(index * 1_000);
          const answer = await request(`${url}/sum`, { dispatcher, method: "POST", body });
          assert.equal(await answer.body.text(), sumOf(body));
        });
        await Promise.all(all);
        const { headers, body } = await request(`${url}/hello`, { dispatcher });
        assert.equal(await body.text(), "hello");
        assert.match(String(headers["x-proto"]), allowH2 ? /https 2 fpzk/ : /https? 1\.1 fpzk/);
      }
    });

    await t.test(`an agent of node:http ${name}, keep-alive`, async (t) => {
      const options = { keepAlive: true, maxSockets: 2 };
      const agent = isTls ? new HttpsAgent({ ...options, ca }) : new HttpAgent(options);
      t.after(() => agent.destroy());
      const ports = new Set<number>();
      const all = Array.from({ length: 10 }, async () => {
        const asked = (isTls ? httpsRequest : httpRequest)(`${url}/hello`, { agent }).end();
        const [answer] = (await once(asked, "response")) as [IncomingMessage];
        ports.add(answer.socket.localPort ?? 0);
        assert.equal(await text(answer), "hello");
      });
      await Promise.all(all);
      assert.equal(ports.size, 2, "its connections were kept");
    });
  }
});

/** The sum of 1 to 100, sent one by one. */
function sum(client: Client): Promise<string> {
  return new Promise((resolve, reject) => {
    const call: ClientWritableStream<Buffer> = client.makeClientStreamRequest(
      ...([SERVICE.sum.path, identity, identity] as const),
      (error, answer) => (error === null ? resolve(String(answer)) : reject(error)),
    );
    for (let index = 1; index <= 100; index += 1) call.write(Buffer.from(String(index)));
    call.end();
  });
}

/** Each answer comes while the request goes on. */
async function chat(client: Client, words: readonly string[]): Promise<string[]> {
  const call = client.makeBidiStreamRequest(SERVICE.chat.path, identity, identity);
  const answers: string[] = [];
  for (const word of words) {
    call.write(Buffer.from(word));
    const [answer] = (await once(call, "data")) as [Buffer];
    answers.push(String(answer));
  }
  call.end();
  const [ended] = (await once(call, "status")) as [{ code: number }];
  assert.equal(ended.code, status.OK);
  return answers;
}
