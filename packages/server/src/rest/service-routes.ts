/** Routes of services: list, query, watch. */
import {
  digestText,
  entityTag,
  matchesEntityTag,
  matchesFilter,
  toInstanceJson,
} from "./mapping.js";
import { inputFault, RequestFault } from "./problem.js";
import { encodeResumeToken, parseResumeToken, type ResumePoint, START } from "./resume-token.js";
import type { Answer, Call, RestContext, RouteSpec } from "./route-spec.js";
import * as schemas from "./schemas.js";
import { WatchFeed } from "./watch-feed.js";
import type { WatchFormat } from "./watch-stream.js";

const SERVICES = "/v1/namespaces/{namespace}/services";
const SERVICE = `${SERVICES}/{service}`;
const tag = "services";
const filterText = { type: "string", maxLength: 200 } as const;

export const SERVICE_ROUTES: readonly RouteSpec[] = [
  {
    method: "GET",
    path: SERVICES,
    operationId: "listServices",
    summary: "Services with their instance counts, by name.",
    tag,
    query: {
      type: "object",
      additionalProperties: false,
      properties: {
        prefix: { ...filterText, description: "Only names that begin so." },
        after: { ...filterText, description: "Only names after this one: the last answer's next." },
        limit: {
          type: "string",
          pattern: "^[1-9][0-9]{0,4}$",
          description: `At most so many, up to ${schemas.SERVICE_LIMIT_MAX}; default ${schemas.SERVICE_LIMIT_DEFAULT}.`,
        },
      },
    },
    responses: { 200: { description: "The services.", schema: schemas.serviceList } },
    run: listServices,
  },
  {
    method: "GET",
    path: SERVICE,
    operationId: "queryService",
    summary: "All instances of a service as this node knows them.",
    description:
      "Every filter is an exact match. `metadata.KEY=VALUE` matches one metadata entry. A service " +
      "that nobody registered has no instances. 503 while the node is warming up: it does not " +
      "know yet, which is not none.",
    tag,
    query: {
      type: "object",
      additionalProperties: false,
      properties: {
        group: filterText,
        version: filterText,
        region: filterText,
        zone: filterText,
        state: { type: "string", enum: ["up", "offline", "draining"] },
      },
      patternProperties: { "^metadata\\..": { type: "string" } },
    },
    headers: { "if-none-match": "An ETag: 304 when nothing changed." },
    responses: {
      200: {
        description: "The instances, sorted by id.",
        schema: schemas.serviceAnswer,
        headers: { etag: "Fingerprint of what is shown." },
      },
      304: { description: "Not changed." },
    },
    run: queryService,
  },
  {
    method: "GET",
    path: `${SERVICE}/watch`,
    operationId: "watchService",
    summary: "All instances, then every change, as a stream.",
    description:
      "NDJSON, or server-sent events when `Accept` asks for them (`type` is the event, `resume` " +
      "its id). At `complete` of kind full drop what no `instance` line since the last `complete` " +
      "named, unless `isBehind`. Keep the last `resume` and give it back to go on after a break, " +
      "on any node. A sign of life comes each 15 seconds.",
    tag,
    query: {
      type: "object",
      additionalProperties: false,
      properties: { resume: { type: "string", minLength: 1, description: "The last token." } },
    },
    headers: { "last-event-id": "The last token; wins over ?resume=." },
    problems: [429],
    responses: {
      200: {
        description: "The stream.",
        schema: schemas.watchLine,
        mediaTypes: ["application/x-ndjson", "text/event-stream"],
      },
    },
    run: watchService,
  },
];

async function listServices(call: Call, { port }: RestContext): Promise<Answer> {
  const { prefix = "", after = "", limit } = call.query;
  const limitCount = Number(limit ?? schemas.SERVICE_LIMIT_DEFAULT);
  if (limitCount > schemas.SERVICE_LIMIT_MAX) {
    const bound = schemas.SERVICE_LIMIT_MAX;
    throw inputFault({
      path: "query/limit",
      value: limitCount,
      message: `must be <= ${bound}`,
      bound,
    });
  }
  const { namespace = "" } = call.path;
  const found = port
    .services(call.principal, namespace)
    .filter(({ service }) => service.startsWith(prefix) && service > after)
    .sort((a, b) => (a.service < b.service ? -1 : 1));
  const services = found
    .slice(0, limitCount)
    .map(({ service, instanceCount, upCount }) => ({ service, instanceCount, upCount }));
  const last = services.at(-1);
  const next = found.length > services.length && last !== undefined ? { next: last.service } : {};
  return { status: 200, body: { namespace, services, ...next } };
}

async function queryService(call: Call, { port }: RestContext): Promise<Answer> {
  const { namespace = "", service = "" } = call.path;
  const answer = port.query(call.principal, namespace, service);
  const etag = entityTag(answer.digest, answer.instances);
  const headers = { etag, "cache-control": "no-cache" };
  if (matchesEntityTag(call.headers["if-none-match"], etag)) return { status: 304, headers };
  const instances = answer.instances
    .filter((instance) => matchesFilter(instance, call.query))
    .map(toInstanceJson);
  const digest = digestText(answer.digest);
  const resume = encodeResumeToken(answer);
  return { status: 200, headers, body: { namespace, service, instances, digest, resume } };
}

async function watchService(call: Call, context: RestContext): Promise<undefined> {
  const { port, watches } = context;
  const { namespace = "", service = "" } = call.path;
  const from = resumePointOf(call);
  watches.checkRoom();
  const feed = new WatchFeed({
    namespace,
    service,
    from,
    members: () => port.nodes(),
    query: () => port.query(call.principal, namespace, service).instances,
  });
  const stream = watches.create({ format: formatOf(call), feed });
  try {
    const start = from ?? START;
    const portWatch = port.watch(call.principal, namespace, service, start, (message) =>
      stream.receive(message),
    );
    if (stream.refusal === undefined) stream.open(portWatch, call.takeOver());
    else portWatch.close();
  } catch (error) {
    stream.end("internal", "the watch could not be started");
    throw error;
  }
  const { refusal } = stream;
  if (refusal !== undefined) throw new RequestFault(refusal.code, refusal.reason);
  return undefined;
}

function formatOf(call: Call): WatchFormat {
  const { accept = "" } = call.headers;
  return /\btext\/event-stream\b/i.test(accept) ? "sse" : "ndjson";
}

function resumePointOf(call: Call): ResumePoint | undefined {
  const header = call.headers["last-event-id"];
  const isHeader = typeof header === "string" && header !== "";
  const token = isHeader ? header : call.query["resume"];
  if (token === undefined) return undefined;
  const point = parseResumeToken(token);
  if (point !== undefined) return point;
  throw inputFault({
    path: isHeader ? "header/last-event-id" : "query/resume",
    value: token.slice(0, 100),
    message: "must be a token that a watch or query gave: leave it out to start anew",
  });
}
