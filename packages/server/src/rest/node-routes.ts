/** Routes about the node itself and its cluster. */
import { Scope } from "@fpzk/core";
import type { RouteSpec } from "./route-spec.js";
import * as schemas from "./schemas.js";

const METRICS_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export const NODE_ROUTES: readonly RouteSpec[] = [
  {
    method: "GET",
    path: "/v1/nodes",
    operationId: "listNodes",
    summary: "The nodes of the cluster as this one sees them.",
    tag: "operation",
    responses: { 200: { description: "The nodes.", schema: schemas.nodeList } },
    run: async (_call, { port }) => {
      const nodes = port
        .nodes()
        .map(({ nodeId, generation, region, zone, address, tls, status }) => {
          return { nodeId, generation, region, zone, address, tls, status };
        });
      return { status: 200, body: { nodes } };
    },
  },
  {
    method: "GET",
    path: "/v1/quarantine",
    operationId: "listQuarantine",
    summary: "The origins of which this node could not read something.",
    tag: "operation",
    responses: { 200: { description: "The origins.", schema: schemas.quarantineList } },
    run: async (_call, { port }) => {
      const origins = port.quarantined().map(({ scope, ...rest }) => {
        return { ...rest, scope: scope === Scope.region ? "region" : "global" };
      });
      return { status: 200, body: { origins } };
    },
  },
  {
    method: "GET",
    path: "/healthz",
    operationId: "getHealth",
    summary: "The process lives.",
    tag: "operation",
    isPublic: true,
    responses: {
      200: { description: "It does.", schema: schemas.health },
      500: { description: "An invariant broke: restart it.", schema: schemas.health },
    },
    run: async (_call, { isAlive }) =>
      isAlive()
        ? { status: 200, body: { status: "alive" } }
        : { status: 500, body: { status: "stopped" } },
  },
  {
    method: "GET",
    path: "/readyz",
    operationId: "getReadiness",
    summary: "Whether this node knows enough to answer queries.",
    tag: "operation",
    isPublic: true,
    responses: {
      200: { description: "Ready.", schema: schemas.readiness },
      503: { description: "Warming up or leaving; see reason.", schema: schemas.readiness },
    },
    run: async (_call, { port }) => {
      const { isReady, reason, nodeId, region, zone, generation } = port.state();
      const status = isReady ? "ready" : "not-ready";
      return {
        status: isReady ? 200 : 503,
        body: { status, reason, nodeId, region, zone, generation },
      };
    },
  },
  {
    method: "GET",
    path: "/metrics",
    operationId: "getMetrics",
    summary: "Metrics in Prometheus' text format.",
    tag: "operation",
    responses: {
      200: {
        description: "The metrics.",
        schema: { type: "string" },
        mediaTypes: ["text/plain"],
      },
    },
    run: async (_call, { metricsText }) => ({
      status: 200,
      body: await metricsText(),
      mediaType: METRICS_MEDIA_TYPE,
    }),
  },
];
