/** What load balancers, Kubernetes and Prometheus ask; no token, and nothing that needs one. */
import type { FastifyInstance } from "fastify";
import type { NodeState } from "./registry-port.js";

export interface StatusSource {
  readonly metricsText: () => Promise<string>;
  readonly contentType: string;
  readonly state: () => NodeState;
  /** False after a broken invariant. */
  readonly isAlive: () => boolean;
}

/**
 * `/healthz`: the process works, restart it otherwise. `/readyz`: it answers queries, send clients.
 */
export function serveStatus(app: FastifyInstance, source: StatusSource): void {
  app.get("/metrics", async (_request, reply) => {
    return reply.type(source.contentType).send(await source.metricsText());
  });
  app.get("/healthz", async (_request, reply) => {
    const isAlive = source.isAlive();
    return reply.code(isAlive ? 200 : 500).send({ status: isAlive ? "alive" : "stopped" });
  });
  app.get("/readyz", async (_request, reply) => {
    const { isReady, reason } = source.state();
    if (isReady && source.isAlive()) return reply.send({ status: "ready" });
    return reply.code(503).send({ status: "not ready", reason });
  });
}
