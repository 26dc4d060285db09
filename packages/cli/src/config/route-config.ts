/** A route as people write it, in the settings of a proxy and in files for `fpzk routes apply`. */
import {
  HEDGE_AFTER_P95,
  HEDGE_COUNT_MAX,
  METADATA_COUNT_MAX,
  PolicyName,
  RETRY_COUNT_DEFAULT,
  RETRY_COUNT_MAX,
  RetryCause,
  ROUTE_CONDITION_COUNT_MAX,
  ROUTE_COUNT_MAX,
  ROUTE_SPLIT_COUNT_MAX,
  ROUTE_TEXT_MAX_LENGTH,
  ROUTE_TIMEOUT_MAX_MS,
  type Route,
  RouteProtocol,
  readRoutes,
  SPLIT_WEIGHT_MAX,
} from "@fpzk/core";
import { z } from "zod";
import {
  boolean,
  integer,
  list,
  map,
  NAME_RULE,
  optionalChoice,
  optionalDuration,
  optionalDurationOr,
  optionalInteger,
  optionalText,
  ratio,
  requiredText,
  structures,
} from "./field.js";
import type { Relation } from "./relation.js";
import { routeBalancingField, toRouteBalancing } from "./route-balancing-config.js";

export const POLICIES = Object.values(PolicyName) as [PolicyName, ...PolicyName[]];
const PROTOCOLS = Object.values(RouteProtocol) as [RouteProtocol, ...RouteProtocol[]];
const RETRY_CAUSES: readonly string[] = Object.values(RetryCause);

const VALUE_RULE = {
  isAllowed: (value: string) => value.length <= ROUTE_TEXT_MAX_LENGTH && !/\p{Cc}/u.test(value),
  allowed: `a text of up to ${ROUTE_TEXT_MAX_LENGTH} characters without control characters`,
};
const PREFIX_RULE = {
  isAllowed: (value: string) => /^\/[^?#\s]*$/.test(value) && !/\/\.{1,2}(\/|$)/.test(value),
  allowed: 'a path that begins with "/", without "?", "#" and dot segments',
};
const HOST_RULE = {
  isAllowed: (value: string) => /^(\[[0-9a-fA-F:.]+\]|(\*\.)?[^\s/:@?#*[\]]{1,250})$/.test(value),
  allowed: "an IP address or host name, without a port; `*.` stands for one label",
};
const HOST_PORT_RULE = {
  isAllowed: (value: string) => /^(\[[0-9a-fA-F:.]+\]|[^\s/:@?#*[\]]+)(:\d{1,5})?$/.test(value),
  allowed: "a host name, with a port or without",
};
const KEY_RULE = {
  isAllowed: (value: string) => /^(address|path|(header|cookie):[^\s:;,="]+)$/.test(value),
  allowed: "`header:NAME`, `cookie:NAME`, `address` (the caller's) or `path`",
};
const FIELD_RULE = {
  isAllowed: (value: string) => /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,200}$/.test(value),
  allowed: "a name of letters, digits and -",
};
const CAUSE_RULE = {
  isAllowed: (value: string) => RETRY_CAUSES.includes(value),
  allowed: `one of ${RETRY_CAUSES.join(", ")}`,
};

function name(about: string, defaultText: string) {
  return optionalText({ about, rule: NAME_RULE, defaultText });
}

/** Which instances of a service. */
export function filter() {
  return z
    .strictObject({
      group: name("Only instances of this group.", "all"),
      version: name("Only instances of this version.", "all"),
      region: name("Only instances of this region.", "all"),
      zone: name("Only instances of this zone.", "all"),
      metadata: map({
        about: "Only instances with these entries.",
        rule: VALUE_RULE,
        max: METADATA_COUNT_MAX,
      }),
    })
    .prefault({});
}

const splitShape = {
  service: requiredText({ about: "Where this share goes.", rule: NAME_RULE }),
  weight: integer({
    about: "Its share, relative to the others'.",
    min: 0,
    max: SPLIT_WEIGHT_MAX,
    default: 1,
  }),
  namespace: name("Namespace of the service.", "`registry.namespace`"),
  filter: filter(),
};

const headerShape = {
  name: requiredText({ about: "A header field that must be there.", rule: FIELD_RULE }),
  exact: optionalText({ about: "Its whole value.", rule: VALUE_RULE, defaultText: "any" }),
  prefix: optionalText({ about: "How its value begins.", rule: VALUE_RULE, defaultText: "any" }),
};

const matchShape = {
  name: name("For metrics, logs and messages; not dynamic, none or other.", "what it takes"),
  host: optionalText({
    about: "Host that callers ask for, without a port.",
    rule: HOST_RULE,
    defaultText: "every host",
  }),
  path: optionalText({ about: "The whole path.", rule: PREFIX_RULE, defaultText: "none" }),
  pathPrefix: optionalText({
    about: "Start of the path; whole segments match, the longest prefix wins.",
    rule: PREFIX_RULE,
    defaultText: "/",
  }),
  methods: list({
    about: "Only these methods.",
    rule: FIELD_RULE,
    max: ROUTE_CONDITION_COUNT_MAX,
  }),
  headers: structures({
    about: "Header fields that must all be there.",
    allowed: "name and optionally exact or prefix",
    shape: headerShape,
    max: ROUTE_CONDITION_COUNT_MAX,
  }),
};

const rewriteShape = {
  stripPrefix: boolean({ about: "Takes the prefix off before the call.", default: false }),
  replacePrefix: optionalText({
    about: "Puts this in place of the prefix.",
    rule: PREFIX_RULE,
    defaultText: "none",
  }),
  rewriteHost: optionalText({
    about: "Host that the instance sees.",
    rule: HOST_PORT_RULE,
    defaultText: "as it came",
  }),
};

const mirrorShape = {
  service: name("Where a copy of requests without a body goes; its answer is dropped.", "none"),
  namespace: name("Namespace of that service.", "`registry.namespace`"),
  filter: filter(),
  percent: ratio({ about: "Share of the requests.", min: 0, max: 100, default: 100 }),
};

const destinationShape = {
  service: name("Where matching requests go; this or `split`.", "none"),
  namespace: name("Namespace of the service.", "`registry.namespace`"),
  filter: filter(),
  split: structures({
    about: "Where matching requests go by weight, as for a canary.",
    allowed: "service and optionally weight, namespace, filter",
    shape: splitShape,
    max: ROUTE_SPLIT_COUNT_MAX,
  }),
  splitKey: optionalText({
    about: "Requests of equal key stay on one side of the split.",
    rule: KEY_RULE,
    defaultText: "by chance",
  }),
  allowsVersion: boolean({
    about: "Lets `x-fpzk-version` choose the version, for testers.",
    default: false,
  }),
  policy: optionalChoice({
    about: "How an instance is chosen.",
    values: POLICIES,
    defaultText: "round-robin",
  }),
  balancing: routeBalancingField,
  key: optionalText({
    about: "What policies of affinity go by.",
    rule: KEY_RULE,
    defaultText: "none",
  }),
};

const behaviourShape = {
  timeout: optionalDuration({
    about: "Until the answer begins, over all attempts.",
    minMs: 1,
    maxMs: ROUTE_TIMEOUT_MAX_MS,
    defaultText: "`limits.answerTimeout`",
  }),
  attemptTimeout: optionalDuration({
    about: "Until one instance begins to answer; then another may be tried.",
    minMs: 1,
    maxMs: ROUTE_TIMEOUT_MAX_MS,
    defaultText: "`timeout`",
  }),
  protocol: optionalChoice({
    about: "Speaks HTTP/2 to instances whose endpoint says `http` (h2c) or `https` (h2).",
    values: PROTOCOLS,
    defaultText: "as the endpoint says",
  }),
  retryCount: integer({
    about: "Further instances to try.",
    min: 0,
    max: RETRY_COUNT_MAX,
    default: RETRY_COUNT_DEFAULT,
  }),
  retryOn: list({
    about: "After what; none stands for connect-failure and reset.",
    rule: CAUSE_RULE,
    max: RETRY_CAUSES.length,
  }),
  hedge: z
    .strictObject({
      after: optionalDurationOr({
        about:
          "When there is no answer yet, asks another instance too; p95: when 95 of 100 answers had come.",
        word: HEDGE_AFTER_P95,
        minMs: 1,
        maxMs: ROUTE_TIMEOUT_MAX_MS,
        defaultText: "never",
      }),
      countMax: optionalInteger({
        about: "Further instances at the same time.",
        min: 1,
        max: HEDGE_COUNT_MAX,
        defaultText: "1",
      }),
    })
    .prefault({}),
  mirror: z.strictObject(mirrorShape).prefault({}),
};

const routeShape = { ...matchShape, ...destinationShape, ...rewriteShape, ...behaviourShape };

/** The setting `routes`. */
export const routesField = structures({
  about: "Which requests go to which service.",
  allowed: `service or split, and optionally ${Object.keys(routeShape)
    .filter((key) => key !== "service" && key !== "split")
    .join(", ")}`,
  shape: routeShape,
  max: ROUTE_COUNT_MAX,
});

type RouteConfig = z.output<typeof routesField>[number];
type FilterConfig = RouteConfig["filter"];

/** The route that a setting says, without what it does not say. */
export function toRoute(config: RouteConfig): Route {
  const { filter, split, methods, headers, retryOn, hedge, mirror, ...others } = config;
  const { timeout, attemptTimeout, balancing, ...rest } = others;
  return withoutUndefined({
    ...rest,
    filter: toFilter(filter),
    balancing: toRouteBalancing(balancing),
    methods: unlessEmpty(methods),
    headers: unlessEmpty(headers.map(withoutUndefined)) as Route["headers"],
    retryOn: unlessEmpty(retryOn) as Route["retryOn"],
    split: unlessEmpty(
      split.map((part) => withoutUndefined({ ...part, filter: toFilter(part.filter) })),
    ) as Route["split"],
    timeoutMs: timeout,
    attemptTimeoutMs: attemptTimeout,
    hedge:
      hedge.after === undefined
        ? undefined
        : withoutUndefined({
            ...(hedge.after === HEDGE_AFTER_P95
              ? { after: hedge.after }
              : { afterMs: hedge.after }),
            countMax: hedge.countMax,
          }),
    mirror:
      mirror.service === undefined
        ? undefined
        : withoutUndefined({ ...mirror, filter: toFilter(mirror.filter) }),
  }) as Route;
}

/** What one field cannot tell: the check that the proxy itself makes. */
export const routesRelation: Relation = {
  paths: ["routes"],
  rule: "routes that the proxy can follow",
  check: ({ value }) => {
    const { faults } = readRoutes((value("routes") as readonly RouteConfig[]).map(toRoute));
    return faults.length === 0 ? undefined : faults.join("; ");
  },
};

export function toFilter({ metadata, ...rest }: FilterConfig): Route["filter"] {
  const hasMetadata = Object.keys(metadata).length > 0;
  const filter = withoutUndefined({ ...rest, metadata: hasMetadata ? metadata : undefined });
  return Object.keys(filter).length === 0 ? undefined : filter;
}

function unlessEmpty<T>(values: readonly T[]): readonly T[] | undefined {
  return values.length === 0 ? undefined : values;
}

/** The same without members that are undefined. */
export function withoutUndefined<T extends object>(
  value: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
