/** More connections than the limit. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { it } from "node:test";
import { rawConnect, readAll, startFixture, startInstance } from "../proxy-fixture.test.util.js";

const REQUEST = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

it("closes connections above the limit at once and counts them; who is there goes on", async (t) => {
  const { proxy, directory } = await startFixture(t, {
    limits: { connectionCountMax: 2 },
    admin: { port: 0 },
  });
  const instance = await startInstance(t, (_request, response) => response.end("served"));
  directory.set("echo", { id: "a", port: instance.port });
  const ask = async (socket: ReturnType<typeof rawConnect>): Promise<string> => {
    socket.write(REQUEST);
    const [received] = (await once(socket, "data")) as [Buffer];
    return String(received);
  };
  const [first, second] = [rawConnect(proxy.port), rawConnect(proxy.port)];
  assert.match(await ask(first), /served$/);
  assert.match(await ask(second), /served$/);
  for (let count = 1; count <= 3; count += 1) {
    assert.equal(await readAll(rawConnect(proxy.port)), "", "nothing is said");
    const metrics = await (await fetch(`http://127.0.0.1:${proxy.adminPort}/metrics`)).text();
    assert.match(metrics, new RegExp(`^proxy_connections_refused_total ${count}$`, "m"));
    assert.match(await ask(first), /served$/);
  }
  second.destroy();
  await once(second, "close");
  // The place is free as soon as the proxy has seen it leave.
  let answer = "";
  while (answer === "") {
    const next = rawConnect(proxy.port);
    next.write(REQUEST.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
    answer = await readAll(next);
  }
  assert.match(answer, /served$/);
});
