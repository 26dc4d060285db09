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
    method: "DELETE",
    path: "/v1/nodes/{nodeId}",
    operationId: "forgetNode",
    summary: "An operator's word that a node is gone for good.",
    description:
      "Needs the role operate in all namespaces. For a node that is dead or unreachable: removals " +
      "and drains wait for it no longer. 412 while it is alive, or was so a moment ago.",
    tag: "operation",
    problems: [404, 412],
    responses: { 204: { description: "Forgotten, by all nodes that hear of it." } },
    run: async (call, { port }) => {
      await port.forgetNode(call.principal, call.path.nodeId ?? "");
      return { status: 204 };
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
