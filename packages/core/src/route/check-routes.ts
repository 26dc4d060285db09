/**
 * Reads routes from outside: a configuration, a file, a record of the registry. The one check there
 * is: whoever writes routes and whoever follows them use this.
 *
 * A route with a member that is not known here is refused, not followed in part: what it leaves
 * out could be the condition under which it was meant to hold.
 */
import {
  METADATA_COUNT_MAX,
  ROUTE_CONDITION_COUNT_MAX,
  ROUTE_COUNT_MAX,
  ROUTE_SPLIT_COUNT_MAX,
  ROUTE_TEXT_MAX_LENGTH,
} from "../limits.js";
import type { Filter } from "../pick/filter.js";
import { PolicyName } from "../pick/picker.js";
import {
  FaultList,
  type Fields,
  isPrintable,
  LABEL_RULE,
  NAME_RULE,
  type TextRule,
} from "./fault-list.js";
import { isToken, KEY_SOURCE_FORM, parseKeySource } from "./key-source.js";
import { hasDotSegment } from "./request-path.js";
import {
  HEDGE_AFTER_P95,
  HEDGE_COUNT_MAX,
  type HeaderCondition,
  type Hedge,
  type Mirror,
  RETRY_COUNT_MAX,
  RetryCause,
  ROUTE_TIMEOUT_MAX_MS,
  type Route,
  RouteProtocol,
  SPLIT_WEIGHT_MAX,
  type WeightedDestination,
} from "./route.js";
import { mergedBalancing, type RouteBalancing, readBalancing } from "./route-balancing.js";
import { RouteLabel } from "./route-label.js";

export interface ReadRoutesOptions {
  /** Where the list stands, for messages. Default `routes`. */
  readonly at?: string;
  /**
   * How requests of all these routes are balanced, in the form of a route's `balancing`. It becomes
   * that of each route, member by member where the route says nothing else. Default: nothing.
   */
  readonly balancing?: unknown;
  /** Whether routes may name a namespace. Default true. */
  readonly allowsNamespace?: boolean;
}

export interface ReadRoutes {
  /** Those that are right: all, when there are no faults. */
  readonly routes: readonly Route[];
  /** Each with its place, its value and its bound. */
  readonly faults: readonly string[];
}

/** The routes in a value from outside, and every fault of it. Never throws. */
export function readRoutes(value: unknown, options: ReadRoutesOptions = {}): ReadRoutes {
  const { at = "routes", allowsNamespace = true } = options;
  const list = new FaultList();
  if (!Array.isArray(value)) {
    list.add(at, value, "must be a list of routes");
    return { routes: [], faults: list.faults };
  }
  if (value.length > ROUTE_COUNT_MAX) {
    list.add(at, value, `must have at most ${ROUTE_COUNT_MAX} entries`);
    return { routes: [], faults: list.faults };
  }
  const reader = new RouteReader(list, allowsNamespace);
  const fallback = readBalancing(list, "balancing", options.balancing);
  const places = new Map<string, number>();
  const routes: Route[] = [];
  for (const [index, entry] of value.entries()) {
    const before = list.faults.length;
    const read = reader.read(`${at}[${index}]`, entry);
    const route = read && withBalancing(list, `${at}[${index}].balancing`, read, fallback);
    if (route === undefined || list.faults.length > before) continue;
    const identity = routeIdentity(route);
    const other = places.get(identity);
    if (other === undefined) {
      places.set(identity, index);
      routes.push(route);
    } else {
      list.add(`${at}[${index}]`, entry, `takes the same requests as ${at}[${other}]: ${identity}`);
    }
  }
  return { routes, faults: list.faults };
}

/** The route with what it leaves open of its balancing; the two must fit together. */
function withBalancing(
  list: FaultList,
  at: string,
  route: Route,
  fallback: RouteBalancing | undefined,
): Route {
  if (fallback === undefined) return route;
  if (route.balancing === undefined) return { ...route, balancing: fallback };
  const balancing = readBalancing(list, at, mergedBalancing(fallback, route.balancing));
  return balancing === undefined ? route : { ...route, balancing };
}

/** Every fault of the routes, each with its place, value and bound; empty when they are right. */
export function checkRoutes(routes: readonly Route[]): readonly string[] {
  return readRoutes(routes).faults;
}

/** What a route matches, as one text: equal texts take the same requests. */
export function routeIdentity(route: Route): string {
  const path = route.path ?? `${route.pathPrefix ?? "/"}*`;
  const methods = [...(route.methods ?? [])].sort();
  const headers = (route.headers ?? []).map(conditionText).sort();
  const parts = [route.host?.toLowerCase() ?? "any host", path, ...headers];
  return [...(methods.length === 0 ? [] : [methods.join("|")]), ...parts].join(" ");
}

function conditionText({ name, exact, prefix }: HeaderCondition): string {
  const value = exact === undefined ? "*" : JSON.stringify(exact);
  return `${name.toLowerCase()}=${prefix === undefined ? value : `${JSON.stringify(prefix)}*`}`;
}

const DESTINATION_KEYS = ["service", "namespace", "filter"];
const ROUTE_KEYS = [
  ...["name", "host", "path", "pathPrefix", "methods", "headers"],
  ...[...DESTINATION_KEYS, "split", "splitKey", "allowsVersion", "policy", "balancing", "key"],
  ...["stripPrefix", "replacePrefix", "rewriteHost"],
  ...["timeoutMs", "attemptTimeoutMs", "retryCount", "retryOn", "hedge", "mirror", "protocol"],
];

class RouteReader {
  readonly #list: FaultList;
  readonly #allowsNamespace: boolean;

  constructor(list: FaultList, allowsNamespace: boolean) {
    this.#list = list;
    this.#allowsNamespace = allowsNamespace;
  }

  read(at: string, value: unknown): Route | undefined {
    const fields = this.#list.fields(at, value, ROUTE_KEYS);
    if (fields === undefined) return undefined;
    return {
      ...this.#conditions(at, fields),
      ...this.#destinations(at, fields),
      ...this.#rewrites(at, fields),
      ...this.#behaviour(at, fields),
    };
  }

  #conditions(at: string, fields: Fields): Route {
    const list = this.#list;
    const path = list.text(`${at}.path`, fields["path"], PATH_RULE);
    const pathPrefix = list.text(`${at}.pathPrefix`, fields["pathPrefix"], PATH_RULE);
    if (path !== undefined && pathPrefix !== undefined) {
      list.add(`${at}.path`, path, "must not stand beside pathPrefix: give one of the two");
    }
    const methods = list
      .list(`${at}.methods`, fields["methods"], ROUTE_CONDITION_COUNT_MAX)
      ?.map((method, index) => list.text(`${at}.methods[${index}]`, method, TOKEN_RULE));
    const headers = list
      .list(`${at}.headers`, fields["headers"], ROUTE_CONDITION_COUNT_MAX)
      ?.map((header, index) => this.#header(`${at}.headers[${index}]`, header));
    return withoutUndefined({
      name: list.text(`${at}.name`, fields["name"], ROUTE_NAME_RULE),
      host: list.text(`${at}.host`, fields["host"], HOST_PATTERN_RULE),
      path,
      pathPrefix,
      methods: methods?.filter((method) => method !== undefined),
      headers: headers?.filter((header) => header !== undefined),
    });
  }

  #header(at: string, value: unknown): HeaderCondition | undefined {
    const list = this.#list;
    const fields = list.fields(at, value, ["name", "exact", "prefix"]);
    if (fields === undefined) return undefined;
    const name = this.#required(`${at}.name`, fields["name"], TOKEN_RULE);
    const exact = list.text(`${at}.exact`, fields["exact"], VALUE_RULE);
    const prefix = list.text(`${at}.prefix`, fields["prefix"], VALUE_RULE);
    if (exact !== undefined && prefix !== undefined) {
      list.add(`${at}.exact`, exact, "must not stand beside prefix: give one of the two");
    }
    return { name: name ?? "", ...withoutUndefined({ exact, prefix }) };
  }

  #destinations(at: string, fields: Fields): Route {
    const list = this.#list;
    const split = list
      .list(`${at}.split`, fields["split"], ROUTE_SPLIT_COUNT_MAX)
      ?.map((part, index) => this.#weighted(`${at}.split[${index}]`, part));
    const { service, namespace, filter } = this.#destination(at, fields);
    const hasService = fields["service"] !== undefined;
    if (hasService === (fields["split"] !== undefined)) {
      const has = hasService ? "has both service and split" : "has neither service nor split";
      list.add(at, fields, `${has}: give one of the two`);
    }
    if (split !== undefined && (namespace !== undefined || filter !== undefined)) {
      list.add(at, fields, "has namespace or filter beside split: give them within it");
    }
    return withoutUndefined({
      service,
      namespace,
      filter,
      split: split?.filter((part) => part !== undefined),
      splitKey: this.#keySource(`${at}.splitKey`, fields["splitKey"]),
      allowsVersion: list.boolean(`${at}.allowsVersion`, fields["allowsVersion"]),
    });
  }

  #weighted(at: string, value: unknown): WeightedDestination | undefined {
    const fields = this.#list.fields(at, value, [...DESTINATION_KEYS, "weight"]);
    if (fields === undefined) return undefined;
    const { service, ...rest } = this.#destination(at, fields);
    if (fields["service"] === undefined) this.#list.add(`${at}.service`, undefined, MISSING);
    if (fields["weight"] === undefined) this.#list.add(`${at}.weight`, undefined, MISSING);
    const weight = this.#list.whole(`${at}.weight`, fields["weight"], 0, SPLIT_WEIGHT_MAX) ?? 0;
    return { service: service ?? "", ...rest, weight };
  }

  #destination(at: string, fields: Fields): Pick<Route, "service" | "namespace" | "filter"> {
    const list = this.#list;
    if (fields["namespace"] !== undefined && !this.#allowsNamespace) {
      list.add(`${at}.namespace`, fields["namespace"], "must be left out: a route set has its own");
    }
    return withoutUndefined({
      service: list.text(`${at}.service`, fields["service"], NAME_RULE),
      namespace: list.text(`${at}.namespace`, fields["namespace"], NAME_RULE),
      filter: this.#filter(`${at}.filter`, fields["filter"]),
    });
  }

  #filter(at: string, value: unknown): Filter | undefined {
    if (value === undefined) return undefined;
    const list = this.#list;
    const fields = list.fields(at, value, FILTER_KEYS);
    if (fields === undefined) return undefined;
    const label = (name: string) => list.text(`${at}.${name}`, fields[name], LABEL_RULE);
    return withoutUndefined({
      group: label("group"),
      version: label("version"),
      region: label("region"),
      zone: label("zone"),
      metadata: this.#metadata(`${at}.metadata`, fields["metadata"]),
    });
  }

  #metadata(at: string, value: unknown): Readonly<Record<string, string>> | undefined {
    if (value === undefined) return undefined;
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    if (!isObject) return this.#list.add(at, value, "must be an object of texts");
    const entries = Object.entries(value);
    if (entries.length > METADATA_COUNT_MAX) {
      return this.#list.add(at, value, `must have at most ${METADATA_COUNT_MAX} entries`);
    }
    for (const [key, text] of entries) {
      this.#list.text(`${at} key`, key, VALUE_RULE);
      this.#required(`${at}[${JSON.stringify(key.slice(0, 80))}]`, text, VALUE_RULE);
    }
    // Own members only, whatever their names: `__proto__` is a name like others.
    return Object.fromEntries(entries) as Record<string, string>;
  }

  #rewrites(at: string, fields: Fields): Route {
    const list = this.#list;
    const stripPrefix = list.boolean(`${at}.stripPrefix`, fields["stripPrefix"]);
    const replacePrefix = list.text(`${at}.replacePrefix`, fields["replacePrefix"], PATH_RULE);
    if (stripPrefix === true && replacePrefix !== undefined) {
      list.add(`${at}.replacePrefix`, replacePrefix, "must not stand beside stripPrefix");
    }
    if ((stripPrefix === true || replacePrefix !== undefined) && fields["path"] !== undefined) {
      list.add(`${at}.path`, fields["path"], "has no prefix to take off: give pathPrefix instead");
    }
    const rewriteHost = list.text(`${at}.rewriteHost`, fields["rewriteHost"], HOST_PORT_RULE);
    return withoutUndefined({ stripPrefix, replacePrefix, rewriteHost });
  }

  #behaviour(at: string, fields: Fields): Route {
    const list = this.#list;
    const causes = list.list(`${at}.retryOn`, fields["retryOn"], RETRY_CAUSES.length);
    const retryOn = causes?.map((cause, index) =>
      list.text(`${at}.retryOn[${index}]`, cause, oneOf(RETRY_CAUSES)),
    );
    return withoutUndefined({
      policy: list.text(`${at}.policy`, fields["policy"], oneOf(POLICY_NAMES)) as
        | PolicyName
        | undefined,
      balancing: readBalancing(list, `${at}.balancing`, fields["balancing"]),
      key: this.#keySource(`${at}.key`, fields["key"]),
      timeoutMs: list.whole(`${at}.timeoutMs`, fields["timeoutMs"], 1, ROUTE_TIMEOUT_MAX_MS),
      attemptTimeoutMs: list.whole(
        `${at}.attemptTimeoutMs`,
        fields["attemptTimeoutMs"],
        1,
        ROUTE_TIMEOUT_MAX_MS,
      ),
      protocol: list.text(`${at}.protocol`, fields["protocol"], oneOf(PROTOCOLS)) as
        | RouteProtocol
        | undefined,
      retryCount: list.whole(`${at}.retryCount`, fields["retryCount"], 0, RETRY_COUNT_MAX),
      retryOn: retryOn?.filter((cause) => cause !== undefined) as RetryCause[] | undefined,
      hedge: this.#hedge(`${at}.hedge`, fields["hedge"]),
      mirror: this.#mirror(`${at}.mirror`, fields["mirror"]),
    });
  }

  #hedge(at: string, value: unknown): Hedge | undefined {
    if (value === undefined) return undefined;
    const list = this.#list;
    const fields = list.fields(at, value, ["afterMs", "after", "countMax"]);
    if (fields === undefined) return undefined;
    const hasAfter = fields["after"] !== undefined;
    if (!hasAfter && fields["afterMs"] === undefined) {
      return list.add(`${at}.afterMs`, undefined, MISSING);
    }
    if (hasAfter && fields["afterMs"] !== undefined) {
      list.add(
        `${at}.after`,
        fields["after"],
        "must not stand beside afterMs: give one of the two",
      );
    }
    const afterMs = list.whole(`${at}.afterMs`, fields["afterMs"], 1, ROUTE_TIMEOUT_MAX_MS);
    const after = list.text(`${at}.after`, fields["after"], oneOf([HEDGE_AFTER_P95])) as
      | typeof HEDGE_AFTER_P95
      | undefined;
    const countMax = list.whole(`${at}.countMax`, fields["countMax"], 1, HEDGE_COUNT_MAX);
    return withoutUndefined({ afterMs, after, countMax });
  }

  #mirror(at: string, value: unknown): Mirror | undefined {
    if (value === undefined) return undefined;
    const list = this.#list;
    const fields = list.fields(at, value, [...DESTINATION_KEYS, "percent"]);
    if (fields === undefined) return undefined;
    const { service, ...rest } = this.#destination(at, fields);
    if (fields["service"] === undefined) list.add(`${at}.service`, undefined, MISSING);
    const { percent } = fields;
    const isShare = typeof percent === "number" && percent > 0 && percent <= 100;
    if (percent !== undefined && !isShare) {
      list.add(`${at}.percent`, percent, "must be a number above 0, at most 100");
    }
    return { service: service ?? "", ...rest, ...(isShare ? { percent } : {}) };
  }

  #keySource(at: string, value: unknown): string | undefined {
    return this.#list.text(at, value, KEY_SOURCE_RULE);
  }

  #required(at: string, value: unknown, rule: TextRule): string | undefined {
    if (value === undefined) return this.#list.add(at, value, MISSING);
    return this.#list.text(at, value, rule);
  }
}

const MISSING = "must be given";
const FILTER_KEYS = ["group", "version", "region", "zone", "metadata"];
const POLICY_NAMES: readonly string[] = Object.values(PolicyName);
const PROTOCOLS: readonly string[] = Object.values(RouteProtocol);
const RETRY_CAUSES: readonly string[] = Object.values(RetryCause);

/** Words that metrics use in the place of a name. */
const RESERVED_NAMES: readonly string[] = Object.values(RouteLabel);

const ROUTE_NAME_RULE: TextRule = {
  isAllowed: (text) => NAME_RULE.isAllowed(text) && !RESERVED_NAMES.includes(text),
  allowed: `${NAME_RULE.allowed}, and none of ${RESERVED_NAMES.join(", ")}`,
};

const PATH_RULE: TextRule = {
  isAllowed: (path) =>
    path.startsWith("/") &&
    path.length <= ROUTE_TEXT_MAX_LENGTH &&
    /^[\x21-\x7e]*$/.test(path) &&
    !/[?#]/.test(path) &&
    !hasDotSegment(path),
  allowed:
    `a path of up to ${ROUTE_TEXT_MAX_LENGTH} characters of ASCII that begins with "/", ` +
    'without "?", "#", spaces and dot segments; others percent-encoded',
};
const VALUE_RULE: TextRule = {
  isAllowed: (text) => text.length <= ROUTE_TEXT_MAX_LENGTH && isPrintable(text),
  allowed: `a text of up to ${ROUTE_TEXT_MAX_LENGTH} characters without control characters`,
};
const TOKEN_RULE: TextRule = {
  isAllowed: isToken,
  allowed: "a name of a field or method: 1 to 200 letters, digits and !#$%&'*+-.^_`|~",
};
const HOST = /^(\[[0-9a-fA-F:.]+\]|[^\s/:@?#*[\]]+)$/;
const HOST_PATTERN_RULE: TextRule = {
  isAllowed: (text) => text.length <= 255 && HOST.test(text.replace(/^\*\./, "")),
  allowed: 'a host name without port, or "*." and a host name for one label more',
};
const HOST_PORT_RULE: TextRule = {
  isAllowed: (text) => text.length <= 261 && HOST.test(text.replace(/:\d{1,5}$/, "")),
  allowed: "a host name, with a port or without",
};
const KEY_SOURCE_RULE: TextRule = {
  isAllowed: (text) => parseKeySource(text) !== undefined,
  allowed: KEY_SOURCE_FORM,
};

function oneOf(words: readonly string[]): TextRule {
  return { isAllowed: (text) => words.includes(text), allowed: `one of ${words.join(", ")}` };
}

/** The same without members that are undefined. */
function withoutUndefined<T extends object>(
  value: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
