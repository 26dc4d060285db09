/**
 * Which service a request goes to: a pure function of its host, path and headers.
 *
 * Configured routes come first: those of exactly this host before those of any host, and the
 * longest matching prefix within each. A prefix matches whole path segments. In dynamic mode,
 * what no route matches is `/{service}/…`. Paths with dot segments are refused: the proxy and an
 * instance might resolve them to different routes.
 */
import type { Filter } from "@fpzk/client";
import { NAME_MAX_BYTES, PolicyName } from "@fpzk/core";

/** One rule: what matches goes to `service`. */
export interface Route {
  /** Host name without port, any case; absent for every host. */
  readonly host?: string;
  /** Begins with `/`; matches whole segments. Default `/`. */
  readonly pathPrefix?: string;
  readonly service: string;
  /** Default: the directory's own. */
  readonly namespace?: string;
  readonly policy?: PolicyName;
  readonly filter?: Filter;
  /** Removes the prefix from the path that the instance sees. Default false. */
  readonly stripPrefix?: boolean;
  /** Further instances to try; see `retry-rule.ts`. 0 to 5, default 1. */
  readonly retryCount?: number;
  /** Also retry when an instance answers 502, 503 or 504. Default false. */
  readonly retriesStatus?: boolean;
  /** Until the answer's header, over all attempts. Default 60000. */
  readonly timeoutMs?: number;
}

/** What a request asks for. */
export interface RouteTarget {
  readonly service: string;
  readonly namespace: string;
  readonly policy: PolicyName | undefined;
  readonly filter: Filter | undefined;
  /** What the caller wants its instance chosen by, for hash policies. */
  readonly key: string | undefined;
  /** Path and query for the instance. */
  readonly path: string;
  readonly retryCount: number;
  readonly retriesStatus: boolean;
  readonly timeoutMs: number | undefined;
  readonly isDynamic: boolean;
}

export interface RouteQuery {
  /** The host header, or the authority of an absolute target; may hold a port. */
  readonly host: string;
  /** Origin form: path and query. */
  readonly path: string;
  readonly policyHeader: string | undefined;
  readonly keyHeader: string | undefined;
}

export type RouteMatch =
  | { readonly type: "target"; readonly target: RouteTarget }
  | { readonly type: "none" }
  /** The request itself is wrong; `message` says how. */
  | { readonly type: "invalid"; readonly message: string };

export const RETRY_COUNT_DEFAULT = 1;
export const RETRY_COUNT_MAX = 5;
/** Routes of one proxy: they are searched in order. */
export const ROUTE_COUNT_MAX = 1_000;

interface CompiledRoute {
  readonly prefix: string;
  readonly route: Route;
}

export interface RouteTable {
  match(query: RouteQuery): RouteMatch;
}

/** Builds the table. `routes` must have passed {@link checkRoutes}. */
export function createRouteTable(routes: readonly Route[], isDynamic: boolean): RouteTable {
  const anyHost: CompiledRoute[] = [];
  const byHost = new Map<string, CompiledRoute[]>();
  for (const route of routes) {
    const compiled = { prefix: route.pathPrefix ?? "/", route };
    if (route.host === undefined) anyHost.push(compiled);
    else {
      const host = route.host.toLowerCase();
      const list = byHost.get(host);
      if (list === undefined) byHost.set(host, [compiled]);
      else list.push(compiled);
    }
  }
  for (const list of [anyHost, ...byHost.values()]) {
    list.sort((a, b) => b.prefix.length - a.prefix.length);
  }
  return {
    match(query) {
      const pathEnd = query.path.indexOf("?");
      const path = pathEnd === -1 ? query.path : query.path.slice(0, pathEnd);
      if (!path.startsWith("/")) return { type: "none" };
      if (hasDotSegment(path)) {
        return { type: "invalid", message: `path ${shown(path)} has a dot segment; resolve it` };
      }
      const ofHost = byHost.get(hostName(query.host));
      const found =
        (ofHost === undefined ? undefined : longestPrefix(ofHost, path)) ??
        longestPrefix(anyHost, path);
      if (found !== undefined) return { type: "target", target: routeTarget(found, query.path) };
      return isDynamic ? dynamicMatch(query, path) : { type: "none" };
    },
  };
}

/** Every fault of the routes, each with its place, value and bound; empty when they are right. */
export function checkRoutes(routes: readonly Route[]): readonly string[] {
  const faults: string[] = [];
  const seen = new Set<string>();
  if (routes.length > ROUTE_COUNT_MAX) {
    faults.push(`routes: ${routes.length} given, at most ${ROUTE_COUNT_MAX}`);
  }
  for (const [index, route] of routes.entries()) {
    const at = `routes[${index}]`;
    const prefix = route.pathPrefix ?? "/";
    const fault = nameFault(route.service);
    if (fault !== undefined) faults.push(`${at}.service ${shown(route.service)} ${fault}`);
    if (!prefix.startsWith("/") || /[?#\s]/.test(prefix) || hasDotSegment(prefix)) {
      faults.push(
        `${at}.pathPrefix ${shown(prefix)} must begin with "/", without ?, # and dot segments`,
      );
    }
    if (route.host !== undefined && !/^(\[[0-9a-fA-F:.]+\]|[^\s/:@?#]+)$/.test(route.host)) {
      faults.push(`${at}.host ${shown(route.host)} must be a host name without port`);
    }
    if (route.policy !== undefined && !isPolicyName(route.policy)) {
      faults.push(`${at}.policy ${shown(route.policy)} must be one of ${POLICY_NAMES.join(", ")}`);
    }
    if (!isWithin(route.retryCount ?? 0, 0, RETRY_COUNT_MAX)) {
      faults.push(`${at}.retryCount ${route.retryCount} must be 0 to ${RETRY_COUNT_MAX}`);
    }
    if (!isWithin(route.timeoutMs ?? 1, 1, 86_400_000)) {
      faults.push(`${at}.timeoutMs ${route.timeoutMs} must be 1 to 86400000`);
    }
    const identity = `${route.host?.toLowerCase() ?? "*"} ${prefix}`;
    if (seen.has(identity)) {
      faults.push(`${at}: host ${route.host ?? "any"} and prefix ${prefix} are taken already`);
    }
    seen.add(identity);
  }
  return faults;
}

const POLICY_NAMES: readonly string[] = Object.values(PolicyName);

function isPolicyName(value: string): value is PolicyName {
  return POLICY_NAMES.includes(value);
}

function longestPrefix(routes: readonly CompiledRoute[], path: string): CompiledRoute | undefined {
  for (const compiled of routes) {
    const { prefix } = compiled;
    if (!path.startsWith(prefix)) continue;
    if (path.length === prefix.length || prefix.endsWith("/")) return compiled;
    if (path[prefix.length] === "/") return compiled;
  }
  return undefined;
}

function routeTarget(compiled: CompiledRoute, path: string): RouteTarget {
  const { route, prefix } = compiled;
  return {
    service: route.service,
    namespace: route.namespace ?? "",
    policy: route.policy,
    filter: route.filter,
    key: undefined,
    path: route.stripPrefix === true ? withoutPrefix(path, prefix.length) : path,
    retryCount: route.retryCount ?? RETRY_COUNT_DEFAULT,
    retriesStatus: route.retriesStatus ?? false,
    timeoutMs: route.timeoutMs,
    isDynamic: false,
  };
}

function dynamicMatch(query: RouteQuery, path: string): RouteMatch {
  const end = path.indexOf("/", 1);
  const segment = path.slice(1, end === -1 ? path.length : end);
  if (segment === "") return { type: "none" };
  const service = decoded(segment);
  const fault = service === undefined ? "is not valid percent-encoding" : nameFault(service);
  if (service === undefined || fault !== undefined) {
    return { type: "invalid", message: `service ${shown(segment)} ${fault}` };
  }
  const policy = query.policyHeader;
  if (policy !== undefined && !isPolicyName(policy)) {
    const message = `x-fpzk-policy ${shown(policy)} must be one of ${POLICY_NAMES.join(", ")}`;
    return { type: "invalid", message };
  }
  return {
    type: "target",
    target: {
      service,
      namespace: "",
      policy,
      filter: undefined,
      key: query.keyHeader,
      path: withoutPrefix(query.path, segment.length + 1),
      retryCount: RETRY_COUNT_DEFAULT,
      retriesStatus: false,
      timeoutMs: undefined,
      isDynamic: true,
    },
  };
}

/** The rest of the path after `prefixLength` characters, beginning with one `/`. */
function withoutPrefix(path: string, prefixLength: number): string {
  const rest = path.slice(prefixLength);
  return rest.startsWith("/") ? rest : `/${rest}`;
}

/** `.` or `..` as a segment, plain or percent-encoded (RFC 3986 §5.2.4). */
function hasDotSegment(path: string): boolean {
  if (!path.includes(".") && !/%2e/i.test(path)) return false;
  return path.split(/[/\\]|%2f|%5c/i).some((segment) => /^(\.|%2e){1,2}$/i.test(segment));
}

/** Lower case, without port; an IPv6 address keeps its brackets. */
function hostName(host: string): string {
  const end = host.startsWith("[") ? host.indexOf("]") + 1 : host.indexOf(":");
  return (end <= 0 ? host : host.slice(0, end)).toLowerCase();
}

function nameFault(name: string): string | undefined {
  const sizeBytes = Buffer.byteLength(name);
  if (sizeBytes < 1 || sizeBytes > NAME_MAX_BYTES) return `must have 1 to ${NAME_MAX_BYTES} bytes`;
  for (const character of name) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20 || code === 0x7f || character === "/") {
      return "must hold no control character and no /";
    }
  }
  return undefined;
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

function isWithin(value: number, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max;
}

function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
