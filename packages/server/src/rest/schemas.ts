/**
 * The JSON schemas of the HTTP API: the one source of validation and of the OpenAPI document.
 *
 * A schema may hold another one by reference; the OpenAPI document turns those with a name
 * (`components.ts`) into `$ref`s, and the validator takes them as they are.
 */
import {
  BODY_MAX_BYTES,
  DRAIN_TIMEOUT_DEFAULT_MS,
  DRAIN_TIMEOUT_MAX_MS,
  ENDPOINT_COUNT_MAX,
  ErrorCode,
  LEASE_TTL_DEFAULT_MS,
  LEASE_TTL_MAX_MS,
  LEASE_TTL_MIN_MS,
  Liveness,
  METADATA_COUNT_MAX,
  NAME_MAX_BYTES,
  NodeStatus,
  SuspicionReason,
  WEIGHT_DEFAULT,
  WEIGHT_MAX,
} from "@fpzk/core";
import { ENDPOINT_PROTOCOL_MAX_BYTES, HOST_MAX_BYTES } from "@fpzk/protocol";
import { DURATION_PATTERN } from "./duration.js";
import { BATCH_DEFAULT, BATCH_MAX } from "./operator-drain.js";

/** A JSON schema of draft 2020-12, as OpenAPI 3.1 takes it. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

export interface ObjectSchema extends JsonSchema {
  readonly type: "object";
  readonly properties: Readonly<Record<string, JsonSchema>>;
}

/** Characters of an operator's note. */
export const NOTE_MAX_LENGTH = 1_000;
export const SERVICE_LIMIT_DEFAULT = 1_000;
export const SERVICE_LIMIT_MAX = 10_000;

/** Namespaces and services. */
export const pathName = {
  type: "string",
  minLength: 1,
  maxLength: NAME_MAX_BYTES,
  format: "fpzk-path-name",
  description: `1 to ${NAME_MAX_BYTES} bytes of UTF-8; no control characters, no "/".`,
} as const;

export const instanceId = {
  type: "string",
  minLength: 1,
  maxLength: NAME_MAX_BYTES,
  format: "fpzk-name",
  description: `1 to ${NAME_MAX_BYTES} bytes of UTF-8; no control characters. Encode "/" as %2F.`,
} as const;

const label = (description: string) =>
  ({
    type: "string",
    maxLength: NAME_MAX_BYTES,
    format: "fpzk-label",
    default: "",
    description,
  }) as const;

/** A duration that is checked against its bounds after it was parsed. */
const duration = (description: string, maxMs: number) =>
  ({
    type: ["integer", "string"],
    minimum: 0,
    maximum: maxMs,
    pattern: DURATION_PATTERN,
    maxLength: 16,
    description: `${description} Milliseconds as a number, or a text such as "30s".`,
    examples: ["30s", 30_000],
  }) as const;

const timeout = {
  ...duration("How long to wait for confirmations when draining.", DRAIN_TIMEOUT_MAX_MS),
  default: DRAIN_TIMEOUT_DEFAULT_MS,
} as const;

const weight = {
  type: "integer",
  minimum: 0,
  maximum: WEIGHT_MAX,
  description: "Relative share of load.",
} as const;

const metadataName = { type: "string", minLength: 1, format: "fpzk-name" } as const;

const endpointProperties = {
  protocol: {
    type: "string",
    pattern: "^[a-z][a-z0-9+.-]*$",
    maxLength: ENDPOINT_PROTOCOL_MAX_BYTES,
    description: "What is spoken there: http, grpc, tcp, udp, … Lower case.",
  },
  host: {
    type: "string",
    minLength: 1,
    maxLength: HOST_MAX_BYTES,
    pattern: "^[^\\s/\\[\\]@?#]+$",
    format: "fpzk-name",
    description: "Host name, IPv4 or IPv6 (without brackets).",
  },
  port: { type: "integer", minimum: 1, maximum: 65_535 },
  tls: { type: "boolean", description: "Whether the endpoint speaks TLS." },
  reach: {
    type: "string",
    enum: ["internal", "public"],
    description: "internal: reachable inside the region; public: from anywhere.",
  },
} as const;

export const endpointInput = {
  type: "object",
  description: "An address that one can connect to. Defaults: http, no TLS, internal.",
  additionalProperties: false,
  required: ["host", "port"],
  properties: {
    protocol: { ...endpointProperties.protocol, default: "http" },
    host: endpointProperties.host,
    port: endpointProperties.port,
    tls: { ...endpointProperties.tls, default: false },
    reach: { ...endpointProperties.reach, default: "internal" },
  },
} as const satisfies ObjectSchema;

/** What describes an instance; the same in a registration and in a merge patch. */
const descriptionProperties = {
  group: label("A set within the service: a lane, a shard."),
  version: label("Version tag of the program."),
  region: label("Where it runs."),
  zone: label("Where in the region it runs."),
  endpoints: {
    type: "array",
    maxItems: ENDPOINT_COUNT_MAX,
    items: endpointInput,
    default: [],
  },
  weight: { ...weight, default: WEIGHT_DEFAULT },
  metadata: {
    type: "object",
    maxProperties: METADATA_COUNT_MAX,
    propertyNames: metadataName,
    additionalProperties: { type: "string", maxLength: BODY_MAX_BYTES },
    default: {},
  },
  startWallTime: {
    type: "integer",
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    description: "When the process started, in ms since 1970. Default: now.",
  },
} as const;

export const registrationInput = {
  type: "object",
  description: "A registration with a lease: renew it before its ttl is over.",
  additionalProperties: false,
  properties: {
    ttl: {
      ...duration(
        `The lease lapses unless renewed within this time, ${LEASE_TTL_MIN_MS} to ${LEASE_TTL_MAX_MS} ms.`,
        LEASE_TTL_MAX_MS,
      ),
      default: LEASE_TTL_DEFAULT_MS,
    },
    visibility: {
      type: "string",
      enum: ["global", "region"],
      default: "global",
      description: "region keeps it from other regions.",
    },
    state: { type: "string", enum: ["up", "offline"], default: "up" },
    ...descriptionProperties,
  },
} as const satisfies ObjectSchema;

export const descriptionPatch = {
  type: "object",
  description: "A JSON merge patch (RFC 7396) of the description; null restores a default.",
  additionalProperties: false,
  minProperties: 1,
  properties: {
    group: orNull(descriptionProperties.group),
    version: orNull(descriptionProperties.version),
    region: orNull(descriptionProperties.region),
    zone: orNull(descriptionProperties.zone),
    endpoints: orNull(descriptionProperties.endpoints),
    weight: orNull(descriptionProperties.weight),
    metadata: {
      type: ["object", "null"],
      maxProperties: 2 * METADATA_COUNT_MAX,
      propertyNames: metadataName,
      additionalProperties: { type: ["string", "null"], maxLength: BODY_MAX_BYTES },
    },
  },
} as const satisfies ObjectSchema;

export const stateInput = {
  type: "object",
  additionalProperties: false,
  required: ["state"],
  properties: { state: { type: "string", enum: ["up", "offline", "draining"] }, timeout },
} as const satisfies ObjectSchema;

export const overrideInput = {
  type: "object",
  description: "An operator's word over the instance's own. `up` leaves its state to it.",
  additionalProperties: false,
  minProperties: 1,
  properties: {
    state: { type: "string", enum: ["up", "offline", "draining"], default: "up" },
    weight,
    note: {
      type: "string",
      maxLength: NOTE_MAX_LENGTH,
      description: "For people: who and why.",
    },
    timeout,
  },
} as const satisfies ObjectSchema;

const selectorProperties = {
  service: { ...pathName, description: "Only this service. Default: every one." },
  version: label("Only this version tag; with service."),
  region: label("Only this region."),
  zone: label("Only this zone."),
  host: {
    type: "string",
    minLength: 1,
    maxLength: HOST_MAX_BYTES,
    description: "Only instances with an endpoint on this host, as they registered it.",
  },
} as const;

/** As {@link selectorProperties}; each given part must be equal. */
export const selectorQuery = {
  type: "object",
  additionalProperties: false,
  properties: selectorProperties,
} as const satisfies ObjectSchema;

export const drainInput = {
  type: "object",
  description: "Which instances to drain: each given part must be equal, and one must be given.",
  additionalProperties: false,
  minProperties: 1,
  properties: {
    ...selectorProperties,
    maxUnavailable: {
      type: ["integer", "string"],
      minimum: 0,
      pattern: "^[0-9]{1,3}%$",
      maxLength: 4,
      description:
        'Of each service, at most so many may be out at once, those that are already included: a count, or a share such as "25%". Default: all but one.',
    },
    all: {
      type: "boolean",
      default: false,
      description: "Takes out every one that is selected, also the last of a service.",
    },
    batch: {
      type: "integer",
      minimum: 1,
      maximum: BATCH_MAX,
      default: BATCH_DEFAULT,
      description: "Drains at once.",
    },
    timeout: { ...timeout, description: `For each instance. ${timeout.description}` },
    note: { type: "string", maxLength: NOTE_MAX_LENGTH, description: "For people: who and why." },
    dryRun: { type: "boolean", default: false, description: "Tells what would be done." },
  },
} as const satisfies ObjectSchema;

// ---------------------------------------------------------------------------------------------
// Answers

const count = { type: "integer", minimum: 0 } as const;
const text = { type: "string" } as const;

function answer<const T extends Readonly<Record<string, JsonSchema>>>(
  properties: T,
  optional: readonly (keyof T)[] = [],
) {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", additionalProperties: false, required, properties } as const;
}

export const stamp = {
  ...answer({ incarnation: count, session: count, claim: count }),
  description: "Names one registration of an id: a later one is higher, field by field.",
};

export const registered = answer({
  namespace: text,
  service: text,
  id: text,
  ttlMs: count,
  stamp,
});

export const endpoint = answer(endpointProperties);

export const instance = answer(
  {
    namespace: text,
    service: text,
    id: text,
    stamp,
    since: { ...count, description: "Orders instances by age: smaller is older." },
    state: {
      type: "string",
      enum: ["up", "offline", "draining"],
      description: "The instance's word and the operator's over it.",
    },
    liveness: {
      type: "string",
      enum: Object.values(Liveness),
      description: "What the answering node thinks of its health.",
    },
    suspicion: {
      ...answer(
        {
          reason: { type: "string", enum: Object.values(SuspicionReason) },
          accuserCount: { ...count, description: "Callers that cannot connect to it." },
        },
        ["accuserCount"],
      ),
      description: "Why it is suspect; only in answers of its owner node.",
    },
    weight: { type: "number", minimum: 0 },
    group: text,
    version: text,
    region: text,
    zone: text,
    endpoints: { type: "array", items: endpoint },
    metadata: { type: "object", additionalProperties: text },
    startWallTime: count,
    ownerNodeId: text,
  },
  ["suspicion"],
);

const digest = {
  type: "string",
  pattern: "^[0-9a-f]{16}$",
  description: "Fingerprint of the live records of the service, before any filter.",
} as const;
const resume = { type: "string", description: "Opaque; watch from here with ?resume=." } as const;

export const serviceAnswer = answer({
  namespace: text,
  service: text,
  instances: { type: "array", items: instance },
  digest,
  resume,
});

export const serviceList = answer(
  {
    namespace: text,
    services: {
      type: "array",
      items: answer({ service: text, instanceCount: count, upCount: count }),
    },
    next: { ...text, description: "There are more: ask again with ?after= this." },
  },
  ["next"],
);

export const drainOutcome = {
  ...answer({ confirmedCount: count, unconfirmed: { type: "array", items: text } }),
  description: "How many subscribers confirmed that they no longer pick it, and who did not.",
};

/** One line of a drain of many. */
export const drainLine = {
  description: "One line of a drain of many.",
  oneOf: [
    answer({ type: { const: "plan" }, instanceCount: count, serviceCount: count }),
    answer({ type: { const: "draining" }, service: text, id: text }),
    answer({
      type: { const: "drained" },
      service: text,
      id: text,
      confirmedCount: count,
      unconfirmed: { type: "array", items: text },
    }),
    answer({
      type: { const: "held" },
      service: text,
      id: text,
      upCount: count,
      totalCount: count,
    }),
    answer({ type: { const: "failed" }, service: text, id: text, code: text, reason: text }),
    answer({ type: { const: "alive" } }),
    answer({
      type: { const: "end" },
      isComplete: { type: "boolean" },
      drainedCount: count,
      unconfirmedCount: count,
      heldCount: count,
      failedCount: count,
    }),
  ],
} as const;

export const liftOutcome = answer({
  lifted: { type: "array", items: answer({ service: text, id: text }) },
  failed: {
    type: "array",
    items: answer({ service: text, id: text, code: text, reason: text }),
  },
});

export const nodeList = answer({
  nodes: {
    type: "array",
    items: answer({
      nodeId: text,
      generation: count,
      region: text,
      zone: text,
      address: text,
      tls: { type: "boolean" },
      status: { type: "string", enum: Object.values(NodeStatus) },
    }),
  },
});

export const quarantineList = answer({
  origins: {
    type: "array",
    items: answer({
      nodeId: text,
      generation: count,
      scope: { type: "string", enum: ["global", "region"] },
      forMs: count,
      giver: text,
      reason: text,
      poisonCount: count,
      holeCount: count,
    }),
  },
});

export const health = answer({ status: { type: "string", enum: ["alive", "stopped"] } });

export const readiness = answer({
  status: { type: "string", enum: ["ready", "not-ready"] },
  reason: text,
  nodeId: text,
  region: text,
  zone: text,
  generation: count,
});

export const problem = {
  ...answer(
    {
      type: text,
      title: text,
      status: { type: "integer", minimum: 400, maximum: 599 },
      detail: text,
      code: { type: "string", enum: Object.values(ErrorCode) },
      errors: {
        type: "array",
        items: answer(
          {
            path: text,
            value: { type: ["string", "number", "boolean", "null"] },
            message: text,
            bound: { type: ["string", "number"] },
          },
          ["bound"],
        ),
      },
    },
    ["errors"],
  ),
  description: "RFC 9457. Switch on `code`.",
};

/** One line of a watch; as SSE, its `type` is the event and its `resume` the event's id. */
export const watchLine = {
  description: "One line of a watch.",
  oneOf: [
    answer({ type: { type: "string", const: "instance" }, instance }),
    answer(
      {
        type: { type: "string", const: "complete" },
        kind: { type: "string", enum: ["full", "delta", "unchanged"] },
        isBehind: { type: "boolean" },
        instanceCount: count,
        digest,
        resume,
      },
      ["instanceCount"],
    ),
    answer({ type: { type: "string", const: "changed" }, instance, resume }, ["resume"]),
    answer({ type: { type: "string", const: "removed" }, id: text, reason: text, stamp, resume }, [
      "resume",
    ]),
    answer({ type: { type: "string", const: "alive" } }),
    answer({ type: { type: "string", const: "end" }, code: text, reason: text }),
  ],
} as const;

/** In a merge patch, null restores the default. */
function orNull(schema: JsonSchema): JsonSchema {
  const { default: _default, ...rest } = schema;
  return { ...rest, type: [schema["type"], "null"] };
}
