/**
 * What operators and their machines ask of a proxy, on a listener of its own, away from callers:
 * `/metrics`, `/healthz`, `/readyz`, `/v1/diagnostics` and, at the root, a page that shows it.
 *
 * Nobody is asked for a token, so a request from this machine whose `Host` is a foreign name is
 * refused: it may come from a web page (DNS rebinding).
 */
import { createServer, type Server, type ServerResponse } from "node:http";
import { ErrorCode, OwnNames } from "@fpzk/core";
import type { Diagnostics } from "./diagnostics/diagnostics.js";
import { DIAGNOSTICS_PAGE, DIAGNOSTICS_PAGE_HEADERS } from "./diagnostics/page.js";
import type { ProxyMetrics } from "./metrics.js";
import { problemAnswer } from "./problem.js";

export interface AdminPorts {
  /** Names that it answers to beside IP addresses and localhost. */
  readonly hostNames: readonly string[];
  readonly metrics: ProxyMetrics;
  /** Why the proxy should get no requests now; undefined when it should. */
  readonly unreadyReason: () => string | undefined;
  readonly diagnostics: () => Diagnostics;
}

type Answer = (ports: AdminPorts, response: ServerResponse) => void;

const ANSWERS: Readonly<Record<string, Answer>> = {
  "/healthz": (_, response) => {
    response.writeHead(200, { "content-type": "text/plain" }).end("ok\n");
  },
  "/readyz": (ports, response) => {
    const reason = ports.unreadyReason();
    response.writeHead(reason === undefined ? 200 : 503, { "content-type": "text/plain" });
    response.end(`${reason ?? "ok"}\n`);
  },
  "/metrics": ({ metrics: { registry } }, response) => {
    registry.metrics().then(
      (text) => response.writeHead(200, { "content-type": registry.contentType }).end(text),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  },
  "/v1/diagnostics": ({ diagnostics }, response) => {
    const text = JSON.stringify(diagnostics());
    response.writeHead(200, {
      "content-type": "application/json",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    });
    response.end(text);
  },
  "/": (_, response) => {
    response.writeHead(200, DIAGNOSTICS_PAGE_HEADERS).end(DIAGNOSTICS_PAGE);
  },
};

/** The server, not yet listening. */
export function createAdminServer(ports: AdminPorts): Server {
  const names = new OwnNames(ports.hostNames, "admin.hostNames");
  const server = createServer(
    { headersTimeout: 5_000, requestTimeout: 10_000, keepAliveTimeout: 5_000 },
    (request, response) => {
      const refusal = names.refusalOf(request.headers.host, request.socket.localAddress);
      if (refusal !== undefined) {
        refuse(response, refusal);
        return;
      }
      const path = (request.url ?? "").split("?")[0] ?? "";
      const answer = Object.hasOwn(ANSWERS, path) ? ANSWERS[path] : undefined;
      if (request.method !== "GET" && request.method !== "HEAD") {
        response.writeHead(405, { allow: "GET, HEAD", connection: "close" }).end();
      } else if (answer === undefined) response.writeHead(404).end();
      else answer(ports, response);
    },
  );
  server.maxConnections = 100;
  return server;
}

function refuse(response: ServerResponse, detail: string): void {
  const { statusCode, fields, body } = problemAnswer({ code: ErrorCode.permissionDenied, detail });
  response.writeHead(statusCode, [...fields, "connection", "close"]).end(body);
}
