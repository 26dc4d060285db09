/** What a route set looks like in requests and answers; the routes are checked by `readRoutes`. */
import { ROUTE_COUNT_MAX } from "@fpzk/core";
import { NOTE_MAX_LENGTH, pathName, stamp } from "./schemas.js";

const route = {
  type: "object",
  description:
    "Which requests go where: host, path or pathPrefix, methods, headers; service or split; " +
    "policy, key, rewriting, timeoutMs, retries. The routes of a proxy's settings, with times in " +
    "milliseconds, and without namespace.",
  examples: [{ host: "shop.example", pathPrefix: "/api", service: "shop", timeoutMs: 2_000 }],
} as const;

const note = { type: "string", maxLength: NOTE_MAX_LENGTH, description: "Who and why." } as const;

export const routeSetInput = {
  type: "object",
  description: "Named routes.",
  additionalProperties: false,
  required: ["routes"],
  properties: {
    routes: { type: "array", maxItems: ROUTE_COUNT_MAX, items: route },
    balancing: {
      type: "object",
      description:
        "Written into each route, member by member where the route's own balancing says nothing " +
        "else. Times in milliseconds.",
      examples: [{ instanceCallCountMax: 50 }],
    },
    note,
  },
} as const;

export const routeSet = {
  type: "object",
  description: "Named routes, as this node holds them.",
  required: ["name", "stamp", "writtenBy", "routes"],
  properties: {
    name: pathName,
    stamp,
    writtenBy: { type: "string", description: "The node that was asked." },
    routes: { type: "array", items: route },
    note,
    fault: { type: "string", description: "Why this node cannot read the routes." },
  },
} as const;

export const routeSetList = {
  type: "object",
  required: ["namespace", "routeSets"],
  properties: { namespace: pathName, routeSets: { type: "array", items: routeSet } },
} as const;

export const routeSetWritten = {
  type: "object",
  required: ["namespace", "name", "routeCount", "stamp"],
  properties: {
    namespace: pathName,
    name: pathName,
    routeCount: { type: "integer", minimum: 0 },
    stamp,
  },
} as const;
