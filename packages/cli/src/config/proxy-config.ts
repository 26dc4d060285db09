/** The settings of `fpzk proxy`: schemas, relations, and the way to what `startProxy` takes. */
import { join } from "node:path";
import {
  checkKeyLoadFactor,
  OWN_NAME_COUNT_MAX,
  PENDING_CALL_COUNT_DEFAULT,
  PENDING_CALL_COUNT_MAX,
  type PolicyName,
} from "@fpzk/core";
import type { DirectoryBalancing } from "@fpzk/proxy";
import { checkTcpRoutes, type TcpRoute } from "@fpzk/proxy";
import { z } from "zod";
import {
  boolean,
  choice,
  duration,
  HOST_RULE,
  integer,
  list,
  map,
  NAME_OR_EMPTY_RULE,
  NAME_RULE,
  optionalChoice,
  optionalInteger,
  optionalText,
  PATH_RULE,
  ratio,
  requiredText,
  SEED_RULE,
  structures,
  text,
} from "./field.js";
import { logShape } from "./log-settings.js";
import type { ConfigKind, Relation } from "./relation.js";
import {
  filter,
  POLICIES,
  routesField,
  routesRelation,
  toFilter,
  toRoute,
  withoutUndefined,
} from "./route-config.js";

const DAY_MS = 86_400_000;
const COUNT_MAX = 1_000_000;
const TEXT_RULE = {
  isAllowed: (value: string) => Buffer.byteLength(value) <= 4_096,
  allowed: "a text of up to 4096 bytes",
};
function time(about: string, defaultMs: number, minMs = 1) {
  return duration({ about, minMs, maxMs: DAY_MS, defaultMs });
}

function count(about: string, value: number) {
  return integer({ about, min: 1, max: COUNT_MAX, default: value });
}

/** Defaults as of `PROXY_LIMIT_DEFAULTS`; a test compares. */
const limitsShape = {
  headerMaxBytes: integer({
    about: "Bytes of one header section; more is refused.",
    min: 1_024,
    max: 1_048_576,
    default: 16_384,
  }),
  headerCountMax: count("Fields of one header section; more is refused.", 128),
  headerTimeout: time("Until a caller has sent its header.", 10_000),
  requestTimeout: time("Until a caller has sent its request; 0 for no end.", 300_000, 0),
  idleTimeout: time("Without a byte from or to a caller.", 75_000),
  answerTimeout: time("From a request's end to the answer's header.", 60_000),
  answerIdleTimeout: time("Between two pieces of an answer.", 300_000),
  connectTimeout: time("Until an instance accepted a connection.", 3_000),
  upgradeIdleTimeout: time("Without a byte on an upgraded connection.", 3_600_000),
  connectionCountMax: count("Callers' connections; more are closed.", 20_000),
  requestCountMax: count("Requests in work; more are 503.", 10_000),
  upgradeCountMax: count("Upgraded connections; more are 503.", 10_000),
  requestsPerSecondMax: integer({
    about: "Requests of one caller's address in a second; more are 429. 0 for no limit.",
    min: 0,
    max: 1_000_000,
    default: 0,
  }),
  streamCountMax: count("Streams of a caller's HTTP/2 connection; more are refused.", 256),
  resetsPerSecondMax: count("Streams that one HTTP/2 caller may reset within a second.", 200),
  instanceConnectionCountMax: count("Connections to one instance; further requests wait.", 512),
  dynamicServiceCountMax: count("Services that dynamic mode watches at once.", 1_024),
  dynamicServiceIdle: time("Until dynamic mode forgets an unused service.", 600_000),
};

const registryShape = {
  servers: list({
    about: "Registry servers; one is enough, more are learned. Default 127.0.0.1:7100.",
    rule: SEED_RULE,
    max: 64,
  }),
  namespace: text({
    about: "Namespace of routes that name none.",
    rule: NAME_RULE,
    default: "default",
  }),
  token: optionalText({
    about: "Token with the role read.",
    rule: TEXT_RULE,
    defaultText: "none",
    isSecret: true,
  }),
  tls: boolean({ about: "Speaks TLS to the registry servers.", default: false }),
  caFile: optionalText({
    about: "PEM file of the CA of the registry servers; with `registry.tls`.",
    rule: PATH_RULE,
    defaultText: "the system's",
  }),
  routes: boolean({
    about: "Also follows the route sets of the namespace; see `fpzk routes`.",
    default: false,
  }),
  snapshotDirectory: optionalText({
    about: "Folder for the last views, so that a restart while the registry is away serves.",
    rule: PATH_RULE,
    defaultText: "none",
  }),
};

const proxyShape = {
  host: text({ about: "Address to listen on.", rule: HOST_RULE, default: "127.0.0.1" }),
  port: integer({
    about: "Port for callers; 0 takes a free one.",
    min: 0,
    max: 65_535,
    default: 7_180,
  }),
  region: text({ about: "Where the proxy runs.", rule: NAME_OR_EMPTY_RULE, default: "" }),
  zone: text({ about: "Where in the region.", rule: NAME_OR_EMPTY_RULE, default: "" }),
  routes: routesField,
  tcp: structures({
    about: "Ports whose connections go to a service as they are.",
    allowed: "port, service, serverNames, filter and policy; a service or serverNames is needed",
    shape: {
      port: integer({ about: "Port for callers.", min: 0, max: 65_535, default: 0 }),
      service: optionalText({
        about: "Service for every connection, or for names that are not listed.",
        rule: NAME_RULE,
        defaultText: "none",
      }),
      serverNames: map({
        about: "Services by the name that a caller's TLS asks for; TLS is not ended here.",
        rule: NAME_RULE,
        max: 256,
      }),
      filter: filter(),
      policy: optionalChoice({
        about: "How an instance is chosen; by key, the key is the caller's address.",
        values: POLICIES,
        defaultText: "round-robin",
      }),
    },
    max: 64,
  }),
  dynamic: boolean({ about: "Lets `/SERVICE/…` reach every service.", default: false }),
  registry: z.strictObject(registryShape).prefault({}),
  admin: z
    .strictObject({
      host: text({ about: "Address for the admin port.", rule: HOST_RULE, default: "127.0.0.1" }),
      port: optionalInteger({
        about: "Port for /metrics, /healthz, /readyz and the diagnostics; 0 takes a free one.",
        min: 0,
        max: 65_535,
        defaultText: "none",
      }),
      hostNames: list({
        about:
          "Names by which this machine may ask the admin port, beside IP addresses and localhost.",
        rule: HOST_RULE,
        max: OWN_NAME_COUNT_MAX,
      }),
    })
    .prefault({}),
  tls: z
    .strictObject({
      certFile: optionalText({
        about: "PEM file of the certificate chain for callers.",
        rule: PATH_RULE,
        defaultText: "no TLS",
      }),
      keyFile: optionalText({
        about: "PEM file of the certificate's key.",
        rule: PATH_RULE,
        defaultText: "no TLS",
      }),
      certificates: structures({
        about: "Further certificates, each for callers that ask for a name in it (SNI).",
        allowed: "certFile and keyFile",
        shape: {
          certFile: requiredText({ about: "PEM file of the chain.", rule: PATH_RULE }),
          keyFile: requiredText({ about: "PEM file of its key.", rule: PATH_RULE }),
        },
        max: 256,
      }),
    })
    .prefault({}),
  certificateCheck: time("How often certificate files are looked at; 0 for never.", 60_000, 0),
  instanceCertFile: optionalText({
    about: "PEM file of the certificate shown to instances that ask for one.",
    rule: PATH_RULE,
    defaultText: "none",
  }),
  instanceKeyFile: optionalText({
    about: "PEM file of that certificate's key.",
    rule: PATH_RULE,
    defaultText: "none",
  }),
  instanceCaFile: optionalText({
    about: "PEM file of the CA of instances that speak TLS.",
    rule: PATH_RULE,
    defaultText: "the system's",
  }),
  trustForwarded: boolean({
    about: "Keeps callers' x-forwarded-* and forwarded headers and adds to them.",
    default: false,
  }),
  workers: optionalInteger({
    about: "Processes that share the port, and that SIGHUP replaces without a lost request.",
    min: 1,
    max: 64,
    defaultText: "one process, which SIGHUP ends",
  }),
  drainTimeout: time("At the end, for requests in work.", 10_000),
  ...logShape,
  accessLog: choice({
    about: "One JSON line a request on standard output.",
    values: ["off", "json"],
    default: "off",
  }),
  limits: z.strictObject(limitsShape).prefault({}),
  outlier: z
    .strictObject({
      connectFailureCountMax: count("Failed connections in a row that eject an instance.", 2),
      errorCountMax: count("5xx or broken answers in a row that eject an instance.", 5),
      ejectionBase: time("First ejection; the n-th lasts n times as long.", 5_000),
      ejectionMax: time("Longest ejection.", 300_000),
      comparisonInterval: time("How often success rates of instances are compared.", 10_000),
      latencyFactor: ratio({
        about: "Mean latencies above so many times the median eject, from 2; 0 for never.",
        min: 0,
        max: 1_000,
        default: 0,
      }),
      maxEjectionPercent: integer({
        about: "Share of a service's instances that may be out at once.",
        min: 0,
        max: 100,
        default: 50,
      }),
    })
    .prefault({}),
  balancing: z
    .strictObject({
      prefersNear: boolean({
        about: "Same zone, then same region, then others, each as far as its instances can take.",
        default: true,
      }),
      regionOrder: list({
        about: "Regions after the own one, in this order; the rest comes last.",
        rule: NAME_RULE,
        max: 64,
      }),
      slowStart: duration({
        about: "Over this a new or returning instance comes to its share; 0 for at once.",
        minMs: 0,
        maxMs: 3_600_000,
        defaultMs: 10_000,
      }),
      keyLoadFactor: ratio({
        about:
          "By key, no instance has more than so many times its share of calls, from 1.05; 0 for no bound.",
        min: 0,
        max: 100,
        default: 0,
      }),
      panicRatio: ratio({
        about: "Below this share of usable instances health is ignored.",
        min: 0,
        max: 1,
        default: 0.5,
      }),
      instanceCallCountMax: optionalInteger({
        about: "Calls of this proxy under way at one instance; further requests wait for room.",
        min: 1,
        max: COUNT_MAX,
        defaultText: "no bound",
      }),
      pendingCallCountMax: integer({
        about: "Requests of a service that may wait so; more are 503.",
        min: 0,
        max: PENDING_CALL_COUNT_MAX,
        default: PENDING_CALL_COUNT_DEFAULT,
      }),
      pendingTimeout: duration({
        about: "Longest that a request waits so; then 503.",
        minMs: 1,
        maxMs: 3_600_000,
        defaultMs: 5_000,
      }),
    })
    .prefault({}),
  retryBudget: z
    .strictObject({
      retryRatio: ratio({ about: "Retries per request.", min: 0, max: 1, default: 0.2 }),
      retryPerSecondMin: integer({
        about: "Retries a second that are always allowed.",
        min: 0,
        max: 100_000,
        default: 10,
      }),
    })
    .prefault({}),
};

export const proxySchema = z.strictObject(proxyShape);
export type ProxyConfig = z.output<typeof proxySchema>;

const proxyRelations: readonly Relation[] = [
  routesRelation,
  {
    paths: ["routes", "dynamic", "registry.routes"],
    rule: "at least one route, `dynamic: true` or `registry.routes: true`: else nothing could be reached",
    check: ({ value }) =>
      (value("routes") as readonly unknown[]).length === 0 &&
      value("dynamic") === false &&
      value("registry.routes") === false
        ? "there are none, and `dynamic` and `registry.routes` are false"
        : undefined,
  },
  {
    paths: ["admin.port", "port"],
    rule: "unlike `port`",
    check: ({ value, number }) =>
      number("port") !== 0 && value("admin.port") === number("port")
        ? `\`port\` is ${number("port")}`
        : undefined,
  },
  {
    paths: ["tls.keyFile", "tls.certFile"],
    rule: "given together with `tls.certFile`",
    check: ({ value }) =>
      Boolean(value("tls.certFile")) === Boolean(value("tls.keyFile"))
        ? undefined
        : `only \`tls.${value("tls.certFile") ? "certFile" : "keyFile"}\` is given`,
  },
  {
    paths: ["tcp"],
    rule: "a list of ports, each once, with a service or serverNames in lower case",
    check: ({ value }) => checkTcpRoutes(value("tcp") as readonly TcpRoute[])[0],
  },
  {
    paths: ["tls.certificates", "tls.certFile"],
    rule: "given only with `tls.certFile`, which is for all other names",
    check: ({ value }) =>
      (value("tls.certificates") as readonly unknown[]).length > 0 && !value("tls.certFile")
        ? "`tls.certFile` is not given"
        : undefined,
  },
  {
    paths: ["instanceKeyFile", "instanceCertFile"],
    rule: "given together with `instanceCertFile`",
    check: ({ value }) =>
      Boolean(value("instanceCertFile")) === Boolean(value("instanceKeyFile"))
        ? undefined
        : `only \`${value("instanceCertFile") ? "instanceCertFile" : "instanceKeyFile"}\` is given`,
  },
  {
    paths: ["registry.caFile", "registry.tls"],
    rule: "given only with `registry.tls: true`",
    check: ({ value }) =>
      value("registry.caFile") && value("registry.tls") === false
        ? "`registry.tls` is false"
        : undefined,
  },
  {
    paths: ["balancing.keyLoadFactor"],
    rule: "0, or at least 1.05",
    check: ({ number }) => {
      const [fault] = checkKeyLoadFactor(number("balancing.keyLoadFactor"));
      return fault === undefined ? undefined : "every instance but one would be full";
    },
  },
  {
    paths: ["outlier.latencyFactor"],
    rule: "0, or at least 2",
    check: ({ number }) => {
      const factor = number("outlier.latencyFactor");
      return factor > 0 && factor < 2 ? "instances differ by as much without a fault" : undefined;
    },
  },
  {
    paths: ["outlier.ejectionMax", "outlier.ejectionBase"],
    rule: "at least `outlier.ejectionBase`",
    check: ({ number }) =>
      number("outlier.ejectionMax") < number("outlier.ejectionBase")
        ? "it is shorter than the first ejection"
        : undefined,
  },
];

export const proxyConfigKind: ConfigKind<typeof proxySchema> = {
  name: "proxy",
  environmentPrefix: "FPZK_PROXY_",
  schema: proxySchema,
  relations: proxyRelations,
};

/** What `startProxy` takes beside the directory, the logs and the texts of PEM files. */
export function toProxyOptions(config: ProxyConfig) {
  const { limits, outlier, admin } = config;
  return {
    host: config.host,
    port: config.port,
    routes: config.routes.map(toRoute),
    tcp: config.tcp.map(({ port, service, serverNames, policy, filter: wanted }) => ({
      port,
      ...withoutUndefined({ policy: policy as PolicyName | undefined, filter: toFilter(wanted) }),
      ...(service === undefined ? {} : { service }),
      ...(Object.keys(serverNames).length === 0 ? {} : { serverNames }),
    })),
    isDynamic: config.dynamic,
    ...(config.registry.routes ? { routeSets: routeFileOf(config) } : {}),
    trustsForwarded: config.trustForwarded,
    ...(admin.port === undefined ? {} : { admin: { ...admin, port: admin.port } }),
    limits: {
      headerMaxBytes: limits.headerMaxBytes,
      headerCountMax: limits.headerCountMax,
      headerTimeoutMs: limits.headerTimeout,
      requestTimeoutMs: limits.requestTimeout,
      idleTimeoutMs: limits.idleTimeout,
      answerTimeoutMs: limits.answerTimeout,
      answerIdleTimeoutMs: limits.answerIdleTimeout,
      connectTimeoutMs: limits.connectTimeout,
      upgradeIdleTimeoutMs: limits.upgradeIdleTimeout,
      connectionCountMax: limits.connectionCountMax,
      requestCountMax: limits.requestCountMax,
      upgradeCountMax: limits.upgradeCountMax,
      requestsPerSecondMax: limits.requestsPerSecondMax,
      streamCountMax: limits.streamCountMax,
      resetsPerSecondMax: limits.resetsPerSecondMax,
      instanceConnectionCountMax: limits.instanceConnectionCountMax,
      dynamicServiceCountMax: limits.dynamicServiceCountMax,
      dynamicServiceIdleMs: limits.dynamicServiceIdle,
    },
    outlier: {
      connectFailureCountMax: outlier.connectFailureCountMax,
      errorCountMax: outlier.errorCountMax,
      ejectionBaseMs: outlier.ejectionBase,
      ejectionMaxMs: outlier.ejectionMax,
      maxEjectionPercent: outlier.maxEjectionPercent,
      comparisonIntervalMs: outlier.comparisonInterval,
      latencyFactor: outlier.latencyFactor,
    },
    retryBudget: config.retryBudget,
    pending: {
      countMax: config.balancing.pendingCallCountMax,
      timeoutMs: config.balancing.pendingTimeout,
    },
  };
}

/** How instances are chosen, for the directory. */
export function toBalancing({ balancing }: ProxyConfig): DirectoryBalancing {
  const { slowStart, instanceCallCountMax, prefersNear, regionOrder, keyLoadFactor, panicRatio } =
    balancing;
  return {
    ...{ prefersNear, regionOrder, keyLoadFactor, panicRatio, slowStartMs: slowStart },
    ...(instanceCallCountMax === undefined ? {} : { instanceCallCountMax }),
  };
}

/** Beside the saved views; processes that share the folder replace it whole. */
function routeFileOf({ registry }: ProxyConfig): { file?: string } {
  const { snapshotDirectory, namespace } = registry;
  if (snapshotDirectory === undefined) return {};
  return { file: join(snapshotDirectory, `routes-${encodeURIComponent(namespace)}.json`) };
}
