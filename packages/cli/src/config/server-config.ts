/** The settings of `fpzk server`: schemas, relations, and the way to what `startServer` takes. */
import { OWN_NAME_COUNT_MAX } from "@fpzk/core";
import type { ClusterOptions, NodeServerOptions } from "@fpzk/server";
import { z } from "zod";
import { isLoopbackHost, isWildcardHost } from "./address.js";
import { formatDurationMs } from "./duration.js";
import {
  boolean,
  choices,
  duration,
  HOST_PORT_RULE,
  HOST_RULE,
  integer,
  list,
  map,
  NAME_OR_EMPTY_RULE,
  NAME_RULE,
  optionalInteger,
  optionalText,
  PATH_RULE,
  requiredText,
  SEED_RULE,
  secretRule,
  structures,
  text,
} from "./field.js";
import { logShape } from "./log-settings.js";
import type { ConfigKind, Relation } from "./relation.js";

/** Servers that one machine runs behind one port. */
export const WORKER_COUNT_MAX = 64;
const CLUSTER_SECRET_MIN_BYTES = 16;
/** RFC 7518, 3.2: a key of HS256 has at least the size of the hash. */
export const TOKEN_KEY_MIN_BYTES = 32;
const DAY_MS = 86_400_000;

/** Equal on all servers of a cluster; see {@link ClusterOptions}. */
const clusterShape = {
  name: text({
    about: "Name of the cluster; a server of another name is refused as a peer.",
    rule: NAME_RULE,
    default: "fpzk",
  }),
  sessionTtl: duration({
    about: "Silence after which an instance is suspect.",
    minMs: 100,
    maxMs: 3_600_000,
    defaultMs: 3_000,
  }),
  heartbeatInterval: duration({
    about: "How often a client says that it lives; below a half of `cluster.sessionTtl`.",
    minMs: 20,
    maxMs: 600_000,
    defaultMs: 1_000,
  }),
  reconnectGrace: duration({
    about: "From a connection that closed without goodbye until its instances are removed.",
    minMs: 0,
    maxMs: 3_600_000,
    defaultMs: 2_000,
  }),
  confirmation: duration({
    about: "From suspicion by silence until the instance is removed.",
    minMs: 0,
    maxMs: 3_600_000,
    defaultMs: 5_000,
  }),
  orphanSuspect: duration({
    about: "From the loss of a server until instances that came back nowhere are suspect.",
    minMs: 100,
    maxMs: DAY_MS,
    defaultMs: 30_000,
  }),
  orphanTtl: duration({
    about: "From that suspicion until such instances are removed.",
    minMs: 1_000,
    maxMs: 7 * DAY_MS,
    defaultMs: 900_000,
  }),
  tombstoneTtl: duration({
    about: "How long a removal is remembered; a server away for longer is filled from anew.",
    minMs: 1_000,
    maxMs: 30 * DAY_MS,
    defaultMs: 3_600_000,
  }),
};

const tlsShape = {
  certFile: optionalText({
    about: "PEM file of the certificate chain; re-read when it changes.",
    rule: PATH_RULE,
    defaultText: "no TLS",
  }),
  keyFile: optionalText({
    about: "PEM file of the certificate's key.",
    rule: PATH_RULE,
    defaultText: "no TLS",
  }),
  caFile: optionalText({
    about: "PEM file of the CA that peers' certificates must chain to: mutual TLS.",
    rule: PATH_RULE,
    defaultText: "none",
  }),
};

const tokenShape = {
  token: requiredText({
    about: "The token, compared as it stands.",
    rule: secretRule(CLUSTER_SECRET_MIN_BYTES),
    isSecret: true,
  }),
  name: requiredText({ about: "Who it is, for audit and logs.", rule: NAME_RULE }),
  namespace: requiredText({ about: 'A namespace, or "*" for all.', rule: NAME_RULE }),
  roles: choices({ about: "What it may do.", values: ["read", "register", "operate"] }),
};

const serverShape = {
  region: text({
    about: "Region of this server; registrations of other regions are kept when it is cut off.",
    rule: NAME_RULE,
    default: "default",
  }),
  zone: text({
    about: "Zone within the region; clients prefer their own.",
    rule: NAME_OR_EMPTY_RULE,
    default: "",
  }),
  host: text({
    about: "Address to listen on.",
    rule: HOST_RULE,
    default: "127.0.0.1",
  }),
  port: integer({
    about: "Port of everything: REST, console, clients, peers. 0 takes a free one.",
    min: 0,
    max: 65_535,
    default: 7_100,
  }),
  advertise: optionalText({
    about: "Where clients and peers reach this server; needed when `host` is 0.0.0.0 or ::.",
    rule: HOST_PORT_RULE,
    defaultText: "host:port as bound",
  }),
  hostNames: list({
    about:
      "Names by which this machine may ask a server without tokens, beside IP addresses, localhost and those in other settings.",
    rule: HOST_RULE,
    max: OWN_NAME_COUNT_MAX,
  }),
  peerPort: optionalInteger({
    about: "One more port, for peers of exactly this process; with workers, the first of a row.",
    min: 0,
    max: 65_535,
    defaultText: "none; with workers, free ones",
  }),
  nodeId: optionalText({
    about: "Name of this server, unique in the cluster.",
    rule: NAME_RULE,
    defaultText: "the advertised address",
  }),
  seeds: list({
    about: "Some servers of the cluster; the others are learned. Its own address is no harm.",
    rule: SEED_RULE,
    max: 256,
  }),
  clusterSecret: optionalText({
    about: "Shared by all servers of the cluster; proves a peer and is never sent.",
    rule: secretRule(CLUSTER_SECRET_MIN_BYTES),
    defaultText: "none",
    isSecret: true,
  }),
  clusterSecretFile: optionalText({
    about: "File with the cluster secret, instead of `clusterSecret`.",
    rule: PATH_RULE,
    defaultText: "none",
  }),
  tokenKey: optionalText({
    about: "Key that signed tokens are checked with; see `fpzk token`.",
    rule: secretRule(TOKEN_KEY_MIN_BYTES),
    defaultText: "none: no signed tokens",
    isSecret: true,
  }),
  tokenKeyFile: optionalText({
    about: "File with that key, instead of `tokenKey`.",
    rule: PATH_RULE,
    defaultText: "none",
  }),
  tokens: structures({
    about: "Tokens compared as they stand. With none and no `tokenKey`, everybody may do all.",
    allowed: "token, name, namespace, roles (read, register, operate)",
    shape: tokenShape,
    max: 1_000,
  }),
  tls: z.strictObject(tlsShape).prefault({}),
  insecure: boolean({
    about: "Allows listening beyond this machine without tokens and a proof of peers.",
    default: false,
  }),
  dataDirectory: optionalText({
    about: "Folder that outlives a restart: last state, generation. Workers get one each in it.",
    rule: PATH_RULE,
    defaultText: "none: kept in memory",
  }),
  snapshotInterval: duration({
    about: "How often the state is written to `dataDirectory`.",
    minMs: 100,
    maxMs: DAY_MS,
    defaultMs: 60_000,
  }),
  dialVia: map({
    about: "Addresses to dial instead of advertised ones, for a network in between.",
    rule: HOST_PORT_RULE,
    max: 256,
  }),
  workers: integer({
    about: "Servers that this process starts behind one port, to use that many cores.",
    min: 1,
    max: WORKER_COUNT_MAX,
    default: 1,
  }),
  ...logShape,
  cluster: z.strictObject(clusterShape).prefault({}),
};

export const serverSchema = z.strictObject(serverShape);
export type ServerConfig = z.output<typeof serverSchema>;

/** What must hold between settings; each is checked as soon as all of its settings are good. */
const serverRelations: readonly Relation[] = [
  {
    paths: ["cluster.heartbeatInterval", "cluster.sessionTtl"],
    rule: "below a half of `cluster.sessionTtl`, so that one lost heartbeat harms nobody",
    check: ({ number }) =>
      number("cluster.heartbeatInterval") * 2 < number("cluster.sessionTtl")
        ? undefined
        : `a half of ${formatDurationMs(number("cluster.sessionTtl"))} is not above it`,
  },
  {
    paths: ["cluster.orphanSuspect", "cluster.sessionTtl", "cluster.reconnectGrace"],
    rule: "above `cluster.sessionTtl` + `cluster.reconnectGrace`, so that clients can come back",
    check: ({ number }) => {
      const leastMs = number("cluster.sessionTtl") + number("cluster.reconnectGrace");
      return number("cluster.orphanSuspect") > leastMs
        ? undefined
        : `these are ${formatDurationMs(leastMs)}`;
    },
  },
  {
    paths: ["cluster.tombstoneTtl", "cluster.orphanSuspect", "cluster.orphanTtl"],
    rule: "at least `cluster.orphanSuspect` + `cluster.orphanTtl`, so that nothing removed returns",
    check: ({ number }) => {
      const leastMs = number("cluster.orphanSuspect") + number("cluster.orphanTtl");
      return number("cluster.tombstoneTtl") >= leastMs
        ? undefined
        : `these are ${formatDurationMs(leastMs)}`;
    },
  },
  {
    paths: ["advertise", "host", "seeds"],
    rule: "given when `host` stands for every interface and there are `seeds`: nobody can dial it",
    check: ({ value }) =>
      isWildcardHost(String(value("host"))) && isFilled(value("seeds")) && !value("advertise")
        ? `\`host\` is ${String(value("host"))}`
        : undefined,
  },
  {
    paths: ["peerPort", "port", "workers"],
    rule: "unlike `port`, and with `workers` a row of free ports up to 65535",
    check: ({ value, number }) => {
      const first = value("peerPort");
      if (typeof first !== "number" || first === 0) return undefined;
      const last = first + number("workers") - 1;
      const port = number("port");
      if (port !== 0 && port >= first && port <= last) return `\`port\` is ${port}`;
      return last > 65_535 ? `${number("workers")} workers would end at ${last}` : undefined;
    },
  },
  {
    paths: ["port", "workers"],
    rule: "fixed (not 0) when there are `workers`: they share it",
    check: ({ number }) =>
      number("workers") > 1 && number("port") === 0
        ? `there are ${number("workers")} workers`
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
    paths: ["tls.caFile", "tls.certFile"],
    rule: "given only together with `tls.certFile`",
    check: ({ value }) =>
      value("tls.caFile") && !value("tls.certFile") ? "`tls.certFile` is missing" : undefined,
  },
  {
    paths: ["clusterSecretFile", "clusterSecret"],
    rule: "not given together with `clusterSecret`",
    check: ({ value }) =>
      value("clusterSecret") && value("clusterSecretFile") ? "both are given" : undefined,
  },
  {
    paths: ["tokenKeyFile", "tokenKey"],
    rule: "not given together with `tokenKey`",
    check: ({ value }) =>
      value("tokenKey") && value("tokenKeyFile") ? "both are given" : undefined,
  },
  {
    paths: [
      "host",
      "insecure",
      "tokens",
      "tokenKey",
      "tokenKeyFile",
      "clusterSecret",
      "clusterSecretFile",
      "tls.caFile",
    ],
    rule: "an address of this machine alone, or tokens and a proof of peers, or `insecure: true`",
    check: ({ value }) => {
      if (value("insecure") === true || isLoopbackHost(String(value("host")))) return undefined;
      const missing: string[] = [];
      if (!isFilled(value("tokens")) && !value("tokenKey") && !value("tokenKeyFile")) {
        missing.push("check of tokens (`tokenKey`, `tokenKeyFile` or `tokens`)");
      }
      if (!value("clusterSecret") && !value("clusterSecretFile") && !value("tls.caFile")) {
        missing.push("proof of peers (`clusterSecret`, `clusterSecretFile` or `tls.caFile`)");
      }
      if (missing.length === 0) return undefined;
      return `there is no ${missing.join(" and no ")}`;
    },
  },
];

export const serverConfigKind: ConfigKind<typeof serverSchema> = {
  name: "server",
  environmentPrefix: "FPZK_",
  schema: serverSchema,
  relations: serverRelations,
};

/** Texts of files that the settings name, read by the caller. */
export interface SecretTexts {
  readonly clusterSecret: string | undefined;
  readonly tokenKey: string | undefined;
}

export function toClusterOptions(config: ServerConfig): ClusterOptions {
  const { cluster } = config;
  return {
    name: cluster.name,
    sessionTtlMs: cluster.sessionTtl,
    heartbeatIntervalMs: cluster.heartbeatInterval,
    reconnectGraceMs: cluster.reconnectGrace,
    confirmationMs: cluster.confirmation,
    orphanSuspectMs: cluster.orphanSuspect,
    orphanTtlMs: cluster.orphanTtl,
    tombstoneTtlMs: cluster.tombstoneTtl,
  };
}

export function toNodeOptions(config: ServerConfig, secrets: SecretTexts): NodeServerOptions {
  const { certFile, keyFile, caFile } = config.tls;
  return {
    nodeId: config.nodeId,
    region: config.region,
    zone: config.zone,
    host: config.host,
    port: config.port,
    advertise: config.advertise,
    hostNames: config.hostNames,
    peerPort: config.peerPort,
    seeds: config.seeds.map((seed) => (/:\d+$/.test(seed) ? seed : `${seed}:7100`)),
    dialVia: config.dialVia,
    clusterSecret: secrets.clusterSecret ?? config.clusterSecret,
    staticTokens: config.tokens,
    tokenKey: secrets.tokenKey ?? config.tokenKey,
    tls: certFile && keyFile ? { certFile, keyFile, caFile } : undefined,
    isInsecure: config.insecure,
    dataDirectory: config.dataDirectory,
    snapshotIntervalMs: config.snapshotInterval,
  };
}

function isFilled(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}
