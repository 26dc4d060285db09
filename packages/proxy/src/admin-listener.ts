/** `/metrics`, `/healthz` and `/readyz` on a listener of their own, away from callers. */
import { createServer, type Server } from "node:http";
import type { ProxyMetrics } from "./metrics.js";

export interface AdminPorts {
  readonly metrics: ProxyMetrics;
  /** Why the proxy should get no requests now; undefined when it should. */
  readonly unreadyReason: () => string | undefined;
}

/** The server, not yet listening. */
export function createAdminServer(ports: AdminPorts): Server {
  const server = createServer(
    { headersTimeout: 5_000, requestTimeout: 10_000, keepAliveTimeout: 5_000 },
    (request, response) => {
      const path = (request.url ?? "").split("?")[0];
      if (request.method !== "GET" && request.method !== "HEAD") {
        response.writeHead(405, { allow: "GET, HEAD", connection: "close" }).end();
      } else if (path === "/healthz") {
        response.writeHead(200, { "content-type": "text/plain" }).end("ok\n");
      } else if (path === "/readyz") {
        const reason = ports.unreadyReason();
        response.writeHead(reason === undefined ? 200 : 503, { "content-type": "text/plain" });
        response.end(`${reason ?? "ok"}\n`);
      } else if (path === "/metrics") {
        const { registry } = ports.metrics;
        registry.metrics().then(
          (text) => response.writeHead(200, { "content-type": registry.contentType }).end(text),
          (error: unknown) => response.writeHead(500).end(String(error)),
        );
      } else {
        response.writeHead(404).end();
      }
    },
  );
  server.maxConnections = 100;
  return server;
}
