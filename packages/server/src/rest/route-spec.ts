/** What a route of the HTTP API is: its documentation, its checks and its handler in one value. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "../logger.js";
import type { Principal, RegistryPort } from "../registry-port.js";
import type { DrainStreams } from "./drain-streams.js";
import type { JsonSchema, ObjectSchema } from "./schemas.js";
import type { WatchRegistry } from "./watch-registry.js";

export type RouteMethod = "GET" | "PUT" | "POST" | "PATCH" | "DELETE";

/** What handlers are given: ports, never the server. */
export interface RestContext {
  readonly port: RegistryPort;
  readonly watches: WatchRegistry;
  readonly drains: DrainStreams;
  readonly logger: Logger;
  readonly metricsText: () => Promise<string>;
  readonly isAlive: () => boolean;
  /** Milliseconds since 1970, for a registration that does not say when its process started. */
  readonly wallNow: () => number;
  readonly createId: () => string;
}

/** One request that was authenticated and passed its schemas. */
export interface Call {
  readonly principal: Principal;
  readonly path: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly headers: IncomingHttpHeaders;
  readonly request: IncomingMessage;
  /** Gives the socket to a stream: nothing else may answer after that. */
  readonly takeOver: () => ServerResponse;
}

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly mediaType?: string;
}

export interface RouteResponse {
  readonly description: string;
  readonly schema?: JsonSchema;
  /** Default: `application/json`. */
  readonly mediaTypes?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RouteSpec {
  readonly method: RouteMethod;
  /** As in OpenAPI, for example `/v1/nodes/{id}`. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tag: string;
  /** No token is asked for. */
  readonly isPublic?: boolean;
  readonly query?: ObjectSchema;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: JsonSchema;
  /** Content types of the body; default `application/json`. */
  readonly bodyMediaTypes?: readonly string[];
  /** Statuses of problems besides those that every route may answer. */
  readonly problems?: readonly number[];
  readonly responses: Readonly<Record<number, RouteResponse>>;
  /** Undefined: the socket was taken over. */
  readonly run: (call: Call, context: RestContext) => Promise<Answer | undefined>;
}
