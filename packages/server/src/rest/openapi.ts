/** The OpenAPI 3.1 document, made from the route table and the schemas that validate. */

import { COMPONENTS } from "./components.js";
import { PROBLEM_MEDIA_TYPE } from "./problem.js";
import type { RouteResponse, RouteSpec } from "./route-spec.js";
import { instanceId, type JsonSchema, pathName } from "./schemas.js";

/** Parts of a path, by name. */
export const PATH_PARAMETERS: Readonly<Record<string, JsonSchema>> = {
  namespace: pathName,
  service: pathName,
  id: instanceId,
  nodeId: instanceId,
  name: pathName,
};

export function openApiDocument(routes: readonly RouteSpec[], version: string) {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    paths[route.path] ??= {};
    const item = paths[route.path];
    if (item !== undefined) item[route.method.toLowerCase()] = operationOf(route);
  }
  const schemas = Object.fromEntries(
    Object.entries(COMPONENTS).map(([name, schema]) => [name, withoutRoot(schema)]),
  );
  return {
    openapi: "3.1.0",
    info: {
      title: "FPZK",
      version,
      summary: "Registry of services: register, query, watch, drain.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    tags: [
      { name: "instances", description: "One registration each." },
      { name: "services", description: "Names and what is behind them." },
      { name: "operation", description: "For operators and their tools." },
    ],
    security: [{ token: [] }],
    paths,
    components: {
      schemas,
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      responses: {
        Problem: {
          description: "A refusal; switch on its code.",
          content: { [PROBLEM_MEDIA_TYPE]: { schema: referTo("Problem") } },
        },
      },
    },
  };
}

/** Names between braces in a path. */
export function pathParameterNames(path: string): string[] {
  return [...path.matchAll(/\{([^}]+)\}/g)].map((match) => match[1] ?? "");
}

/** Statuses of problems that a route may answer, besides its documented responses. */
export function problemStatuses(route: RouteSpec): number[] {
  const statuses = new Set(route.isPublic ? [500] : [400, 401, 403, 429, 500, 503]);
  for (const status of route.problems ?? []) statuses.add(status);
  if (route.body !== undefined) for (const status of [413, 415]) statuses.add(status);
  return [...statuses].filter((status) => route.responses[status] === undefined).sort();
}

function operationOf(route: RouteSpec): unknown {
  const responses: Record<string, unknown> = {};
  for (const [status, response] of Object.entries(route.responses)) {
    responses[status] = responseOf(response);
  }
  for (const status of problemStatuses(route)) {
    responses[status] = { $ref: "#/components/responses/Problem" };
  }
  const { operationId, summary, description, tag, isPublic } = route;
  return {
    operationId,
    summary,
    ...(description === undefined ? {} : { description }),
    tags: [tag],
    ...(isPublic ? { security: [] } : {}),
    parameters: parametersOf(route),
    ...(route.body === undefined ? {} : { requestBody: requestBodyOf(route, route.body) }),
    responses,
  };
}

function requestBodyOf(route: RouteSpec, body: JsonSchema): unknown {
  const mediaTypes = route.bodyMediaTypes ?? ["application/json"];
  const content = mediaTypes.map((mediaType) => [mediaType, { schema: withRefs(body) }]);
  return { required: true, content: Object.fromEntries(content) };
}

function responseOf({ description, schema, mediaTypes, headers }: RouteResponse): unknown {
  const types = mediaTypes ?? ["application/json"];
  const content = types.map((mediaType) => [mediaType, { schema: withRefs(schema) }]);
  const described = Object.entries(headers ?? {}).map(([name, text]) => {
    return [name, { description: text, schema: { type: "string" } }];
  });
  return {
    description,
    ...(headers === undefined ? {} : { headers: Object.fromEntries(described) }),
    ...(schema === undefined ? {} : { content: Object.fromEntries(content) }),
  };
}

function parametersOf(route: RouteSpec): unknown[] {
  const inPath = pathParameterNames(route.path).map((name) => {
    return { name, in: "path", required: true, schema: withRefs(PATH_PARAMETERS[name]) };
  });
  const required = new Set((route.query?.["required"] as readonly string[] | undefined) ?? []);
  const inQuery = Object.entries(route.query?.properties ?? {}).map(([name, schema]) => {
    return { name, in: "query", required: required.has(name), schema: withRefs(schema) };
  });
  // OpenAPI has no word for keys with a prefix: an exploded object comes nearest.
  const inPattern = Object.keys(route.query?.["patternProperties"] ?? {}).map(() => ({
    name: "metadata",
    in: "query",
    required: false,
    style: "form",
    explode: true,
    description: "Keys `metadata.KEY`.",
    schema: { type: "object", additionalProperties: { type: "string" } },
  }));
  const inHeader = Object.entries(route.headers ?? {}).map(([name, description]) => {
    return { name, in: "header", required: false, description, schema: { type: "string" } };
  });
  return [...inPath, ...inQuery, ...inPattern, ...inHeader];
}

const NAMES: ReadonlyMap<unknown, string> = new Map(
  Object.entries(COMPONENTS).map(([name, schema]) => [schema, name]),
);

/** The schema with a reference wherever it holds a named one. Depth is that of our own schemas. */
function withRefs(schema: unknown): unknown {
  const name = NAMES.get(schema);
  return name === undefined ? withoutRoot(schema) : referTo(name);
}

function withoutRoot(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withRefs);
  if (typeof schema !== "object" || schema === null) return schema;
  return Object.fromEntries(Object.entries(schema).map(([key, part]) => [key, withRefs(part)]));
}

function referTo(name: string): { readonly $ref: string } {
  return { $ref: `#/components/schemas/${name}` };
}
