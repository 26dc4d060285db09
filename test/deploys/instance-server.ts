/** What an instance of the service serves: an answer that tells whose it is, now or later. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Behaviour, InstanceAnswer } from "./plan.js";

/** Longer than callers keep a connection without a request, so that they are who ends it. */
const KEEP_ALIVE_MS = 75_000;
const WAIT_MAX_MS = 60_000;

export interface InstanceServer {
  readonly port: number;
  behave(behaviour: Behaviour): void;
  /** Stops listening; resolves when the last request is answered. */
  close(): Promise<void>;
}

/** Serves `/echo/TEXT?wait=MS` on loopback; `port` 0 takes a free one. */
export async function startInstanceServer(who: {
  readonly id: string;
  readonly version: string;
  readonly port: number;
}): Promise<InstanceServer> {
  let behaviour: Behaviour = {};
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    const { failStatus, slowMs = 0 } = behaviour;
    if (failStatus !== undefined) {
      response.writeHead(failStatus).end("told to fail");
      return;
    }
    answer({ ...who, slowMs }, request, response, () => !server.listening).catch(() =>
      response.destroy(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port: who.port }, resolve);
  });
  return {
    behave: (wanted) => {
      behaviour = wanted;
    },
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

async function answer(
  who: { readonly id: string; readonly version: string; readonly slowMs: number },
  request: IncomingMessage,
  response: ServerResponse,
  isClosing: () => boolean,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://instance");
  let bodyBytes = 0;
  for await (const part of request) bodyBytes += (part as Buffer).length;
  const waitMs = Math.min(WAIT_MAX_MS, Number(searchParams.get("wait") ?? 0)) + who.slowMs;
  if (waitMs > 0) await sleep(waitMs);
  const { id, version } = who;
  const echo = pathname.slice(pathname.lastIndexOf("/") + 1);
  const body: InstanceAnswer = { id, version, echo, bodyBytes };
  // Else Node.js would keep the connection after the answer, and never end.
  if (isClosing()) response.setHeader("connection", "close");
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
}
