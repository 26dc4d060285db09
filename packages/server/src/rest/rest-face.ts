/**
 * The HTTP face: `/v1`, health, metrics and the OpenAPI document, over a {@link RegistryPort}.
 *
 * Pure mapping and a listener's rules (who asks, what may be said, how much). It never sees the
 * server or its core.
 */
import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { BODY_MAX_BYTES, type ErrorCode, HTTP_BODY_MAX_BYTES } from "@fpzk/core";
import type {
  FastifyError,
  FastifyInstance,
  FastifyPluginAsync,
  FastifyReply,
  FastifyRequest,
} from "fastify";
import { type Logger, silentLogger } from "../logger.js";
import type { Principal, RegistryPort } from "../registry-port.js";
import { DrainStreams } from "./drain-streams.js";
import { parseJsonBody } from "./json-body.js";
import { openApiDocument, PATH_PARAMETERS, pathParameterNames } from "./openapi.js";
import { inputFault, PROBLEM_MEDIA_TYPE, RequestFault, toProblem } from "./problem.js";
import type { Answer, RestContext, RouteSpec } from "./route-spec.js";
import { BASE_ROUTES } from "./route-table.js";
import type { ObjectSchema } from "./schemas.js";
import { type Check, RequestValidator } from "./validation.js";
import { WatchRegistry, type WatchRegistryOptions } from "./watch-registry.js";

export interface RestFaceOptions extends WatchRegistryOptions {
  readonly port: RegistryPort;
  /** Who asks, from `authorization`; throws `unauthenticated`. */
  readonly authenticate: (headers: IncomingHttpHeaders) => Principal | Promise<Principal>;
  /**
   * Why the request's `Host` is refused, of routes that are not public; undefined lets it pass.
   * Default: every Host is answered.
   */
  readonly hostRefusal?: (request: IncomingMessage) => string | undefined;
  readonly metricsText: () => Promise<string>;
  /** Whether `/metrics` needs no token. Default false: counts tell a stranger what runs here. */
  readonly isMetricsPublic?: boolean;
  /** False after a broken invariant: `/healthz` then asks for a restart. Default: always true. */
  readonly isAlive?: () => boolean;
  /** For `info.version` of the OpenAPI document. */
  readonly version?: string;
  readonly logger?: Logger;
  /** Told the code of each refusal. */
  readonly onRefused?: (code: ErrorCode) => void;
  /** Default: a random UUID. */
  readonly createId?: () => string;
  /** Default: the wall clock. */
  readonly wallNow?: () => number;
}

/** An instance's JSON is far below this; a larger body is refused before it is read. */
export const REST_BODY_MAX_BYTES = Math.min(HTTP_BODY_MAX_BYTES, 8 * BODY_MAX_BYTES);

/**
 * What the Fastify instance that holds this face must be made with: names are longer than its
 * default bound, and a trailing slash is another path.
 */
export const REST_SERVER_OPTIONS = restServerOptions();

/** {@link REST_SERVER_OPTIONS}, with somebody who is told of refusals. */
export function restServerOptions(onRefused: OnRefused = () => {}) {
  return {
    routerOptions: { maxParamLength: 4_096, ignoreTrailingSlash: false, caseSensitive: true },
    /** What Fastify refuses before it knows the route. */
    frameworkErrors: (error: FastifyError, _request: FastifyRequest, reply: FastifyReply): void => {
      const { url } = reply.request.raw;
      const shown = (url ?? "").slice(0, PATH_SHOWN_MAX_LENGTH);
      const isLong = error.code === "FST_ERR_MAX_PARAM_LENGTH";
      const message = isLong ? "has a name that is too long" : "must be a percent-encoded path";
      sendProblem(reply, inputFault({ path: "path", value: shown, message }), {
        logger: silentLogger,
        onRefused,
      });
    },
  } as const;
}

type OnRefused = (code: ErrorCode) => void;

/** Where refusals and failures are told. */
interface ProblemSink {
  readonly logger: Logger;
  readonly onRefused: OnRefused;
}

const PATH_SHOWN_MAX_LENGTH = 200;

export function restFace(options: RestFaceOptions): FastifyPluginAsync {
  return async (app) => {
    const context: RestContext = {
      port: options.port,
      watches: new WatchRegistry(options),
      drains: new DrainStreams(),
      logger: options.logger ?? silentLogger,
      metricsText: options.metricsText,
      isAlive: options.isAlive ?? (() => true),
      wallNow: options.wallNow ?? Date.now,
      createId: options.createId ?? randomUUID,
    };
    const sink: ProblemSink = {
      logger: options.logger ?? silentLogger,
      onRefused: options.onRefused ?? (() => {}),
    };
    acceptJsonOnly(app);
    app.setErrorHandler((error, _request, reply) => {
      sendProblem(reply, fromFastify(error), sink);
    });
    app.addHook("preClose", async () => {
      context.watches.close();
      context.drains.close();
    });
    const validator = new RequestValidator();
    const { version = "0.0.0", isMetricsPublic = false } = options;
    for (const route of allRoutes({ version, isMetricsPublic })) {
      const { authenticate, hostRefusal } = options;
      addRoute(app, { route, validator, context, authenticate, hostRefusal });
    }
    await app.register(
      async (scope) => {
        scope.setNotFoundHandler((request, reply) => {
          const path = request.url.split("?")[0]?.slice(0, PATH_SHOWN_MAX_LENGTH);
          const detail = `${request.method} ${path} is no route: see /openapi.json`;
          const fault = new RequestFault("unimplemented", detail, { httpStatus: 404 });
          sendProblem(reply, fault, sink);
        });
      },
      { prefix: "/v1" },
    );
  };
}

/** The whole table, with the document that describes it. */
export function allRoutes(options: {
  readonly version: string;
  readonly isMetricsPublic: boolean;
}): readonly RouteSpec[] {
  let document: unknown;
  const routes: RouteSpec[] = [
    ...BASE_ROUTES.map((route) =>
      route.operationId === "getMetrics" ? { ...route, isPublic: options.isMetricsPublic } : route,
    ),
    {
      method: "GET",
      path: "/openapi.json",
      operationId: "getOpenApi",
      summary: "This document.",
      tag: "operation",
      isPublic: true,
      responses: { 200: { description: "OpenAPI 3.1.", schema: { type: "object" } } },
      run: async () => {
        document ??= openApiDocument(routes, options.version);
        return { status: 200, body: document };
      },
    },
  ];
  return routes;
}

interface RouteParts {
  readonly route: RouteSpec;
  readonly validator: RequestValidator;
  readonly context: RestContext;
  readonly authenticate: RestFaceOptions["authenticate"];
  readonly hostRefusal: RestFaceOptions["hostRefusal"];
}

const ANYBODY: Principal = {
  name: "anybody",
  grantsOf: () => ({ mayRead: false, mayRegister: false, mayOperate: false }),
};

function addRoute(app: FastifyInstance, parts: RouteParts): void {
  const { route, context, authenticate, hostRefusal } = parts;
  const check = requestCheck(parts);
  const principals = new WeakMap<FastifyRequest, Principal>();
  app.route({
    method: route.method,
    url: route.path.replaceAll(/\{([^}]+)\}/g, ":$1"),
    bodyLimit: REST_BODY_MAX_BYTES,
    exposeHeadRoute: false,
    // Before the body is read: a stranger costs nothing.
    onRequest: async (request) => {
      const refusal = route.isPublic ? undefined : hostRefusal?.(request.raw);
      if (refusal !== undefined) throw new RequestFault("permission_denied", refusal);
      const principal = route.isPublic ? ANYBODY : await authenticate(request.headers);
      principals.set(request, principal);
    },
    handler: async (request, reply) => {
      check(request);
      const answer = await route.run(
        {
          principal: principals.get(request) ?? ANYBODY,
          path: request.params as Readonly<Record<string, string>>,
          query: request.query as Readonly<Record<string, string>>,
          body: request.body,
          headers: request.headers,
          request: request.raw,
          takeOver: () => {
            reply.hijack();
            return reply.raw;
          },
        },
        context,
      );
      if (answer !== undefined) return sendAnswer(reply, answer);
    },
  });
}

/** All parts of the request are checked before anything is said, so that all problems are named. */
function requestCheck({ route, validator }: RouteParts): (request: FastifyRequest) => void {
  const pathCheck = validator.compile("path", pathSchema(route.path));
  const queryCheck = validator.compile("query", route.query ?? NO_QUERY);
  const bodyCheck = route.body === undefined ? undefined : validator.compile("body", route.body);
  return (request) => {
    const parts: readonly (readonly [Check | undefined, unknown])[] = [
      [pathCheck, request.params],
      [queryCheck, request.query],
      [bodyCheck, request.body],
    ];
    const faults = parts.flatMap(([check, value]) => faultOf(check, value));
    const [first] = faults;
    if (first === undefined) return;
    const errors = faults.flatMap((fault) => fault.errors ?? []);
    throw new RequestFault("invalid_argument", first.message.replace(/^\[\w+\] /, ""), { errors });
  };
}

function faultOf(check: Check | undefined, value: unknown): readonly RequestFault[] {
  try {
    check?.(value);
    return [];
  } catch (fault) {
    if (fault instanceof RequestFault) return [fault];
    throw fault;
  }
}

const NO_QUERY: ObjectSchema = { type: "object", additionalProperties: false, properties: {} };

function pathSchema(path: string): ObjectSchema {
  const names = pathParameterNames(path);
  const properties = Object.fromEntries(names.map((name) => [name, PATH_PARAMETERS[name] ?? {}]));
  return { type: "object", required: names, properties };
}

function acceptJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    ["application/json", "application/merge-patch+json"],
    { parseAs: "buffer" },
    async (_request: FastifyRequest, body: Buffer) => parseJsonBody(body),
  );
}

function sendAnswer(reply: FastifyReply, answer: Answer): FastifyReply {
  reply.code(answer.status).header("x-content-type-options", "nosniff");
  for (const [name, value] of Object.entries(answer.headers ?? {})) reply.header(name, value);
  if (answer.body === undefined) return reply.send();
  const isText = typeof answer.body === "string";
  const mediaType = answer.mediaType ?? "application/json; charset=utf-8";
  return reply.type(mediaType).send(isText ? answer.body : JSON.stringify(answer.body));
}

function sendProblem(reply: FastifyReply, error: unknown, sink: ProblemSink): void {
  const { request } = reply;
  const problem = toProblem(error);
  if (problem.status >= 500 && problem.code === "internal") {
    const cause = error instanceof Error ? (error.stack ?? error.message) : String(error);
    sink.logger.error("rest.failed", {
      method: request.method,
      path: request.routeOptions.url,
      cause,
    });
  }
  sink.onRefused(problem.code);
  if (problem.status === 401) reply.header("www-authenticate", 'Bearer realm="fpzk"');
  if (problem.status === 429 || problem.status === 503) reply.header("retry-after", "1");
  reply
    .code(problem.status)
    .header("x-content-type-options", "nosniff")
    .type(PROBLEM_MEDIA_TYPE)
    .send(JSON.stringify(problem));
}

/** What Fastify itself refuses, in our words. */
function fromFastify(error: unknown): unknown {
  const { code, statusCode, message } = error as FastifyError;
  switch (code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE": {
      const bound = REST_BODY_MAX_BYTES;
      const message = `must have at most ${bound} bytes`;
      return new RequestFault("invalid_argument", `body ${message}`, {
        httpStatus: 413,
        errors: [{ path: "body", value: null, message, bound }],
      });
    }
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE": {
      const detail = "the body's content-type must be application/json";
      return new RequestFault("invalid_argument", detail, { httpStatus: 415 });
    }
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return new RequestFault(
        "invalid_argument",
        "the body must be as long as content-length says",
      );
    default:
      // Of the HTTP layer and about the request, for example an aborted body.
      return code?.startsWith("FST_ERR_CTP_") && statusCode === 400
        ? new RequestFault("invalid_argument", message)
        : error;
  }
}
