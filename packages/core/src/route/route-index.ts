/**
 * Finds the routes that could take a request: by host, then by path, the most particular first.
 *
 * Routes of exactly this host come before those of a pattern, and those before routes of any host.
 * Within each, a whole path comes before prefixes, and a longer prefix before a shorter one. Of
 * routes with the same host and path those with more conditions come first, then in the order
 * given.
 *
 * A request pays for the distinct lengths of its host's prefixes and not for their number: only
 * where a prefix of some length would end on a segment's border is a part of the path looked up.
 */
import { endsSegment } from "./request-path.js";

/** What the index needs of a route. */
export interface Indexed {
  readonly host: string | undefined;
  /** Undefined for a prefix. */
  readonly path: string | undefined;
  readonly prefix: string;
  readonly conditionCount: number;
}

interface HostRoutes<T> {
  readonly byPath: Map<string, T[]>;
  readonly byPrefix: Map<string, T[]>;
  /** Distinct lengths of prefixes, the longest first. */
  prefixLengths: number[];
}

export class RouteIndex<T extends Indexed> {
  readonly #byHost = new Map<string, HostRoutes<T>>();
  /** By what follows `*.`. */
  readonly #byPattern = new Map<string, HostRoutes<T>>();
  readonly #anyHost: HostRoutes<T> = newHostRoutes();

  constructor(routes: readonly T[]) {
    for (const route of routes) add(this.#routesOf(route.host), route);
    for (const host of [this.#anyHost, ...this.#byHost.values(), ...this.#byPattern.values()]) {
      finish(host);
    }
  }

  /**
   * The first route that accepts the request.
   *
   * @param host - In lower case, without port.
   * @param path - Without the query.
   */
  find<R>(
    host: string,
    path: string,
    accepts: (route: T, request: R) => boolean,
    request: R,
  ): T | undefined {
    const ofHost = this.#byHost.get(host);
    const found = ofHost && findIn(ofHost, path, accepts, request);
    if (found !== undefined) return found;
    if (this.#byPattern.size > 0) {
      const dot = host.indexOf(".");
      // A star stands for one label, and not for an empty one.
      const ofPattern = dot > 0 ? this.#byPattern.get(host.slice(dot + 1)) : undefined;
      const matched = ofPattern && findIn(ofPattern, path, accepts, request);
      if (matched !== undefined) return matched;
    }
    return findIn(this.#anyHost, path, accepts, request);
  }

  #routesOf(host: string | undefined): HostRoutes<T> {
    if (host === undefined) return this.#anyHost;
    const isPattern = host.startsWith("*.");
    const hosts = isPattern ? this.#byPattern : this.#byHost;
    const name = isPattern ? host.slice(2) : host;
    const known = hosts.get(name);
    if (known !== undefined) return known;
    const routes = newHostRoutes<T>();
    hosts.set(name, routes);
    return routes;
  }
}

function newHostRoutes<T>(): HostRoutes<T> {
  return { byPath: new Map(), byPrefix: new Map(), prefixLengths: [] };
}

function add<T extends Indexed>(routes: HostRoutes<T>, route: T): void {
  const map = route.path === undefined ? routes.byPrefix : routes.byPath;
  const place = route.path ?? route.prefix;
  const list = map.get(place);
  if (list === undefined) map.set(place, [route]);
  else list.push(route);
}

function finish<T extends Indexed>(routes: HostRoutes<T>): void {
  for (const list of [...routes.byPath.values(), ...routes.byPrefix.values()]) {
    list.sort((a, b) => b.conditionCount - a.conditionCount);
  }
  const lengths = new Set([...routes.byPrefix.keys()].map((prefix) => prefix.length));
  routes.prefixLengths = [...lengths].sort((a, b) => b - a);
}

function findIn<T extends Indexed, R>(
  routes: HostRoutes<T>,
  path: string,
  accepts: (route: T, request: R) => boolean,
  request: R,
): T | undefined {
  if (routes.byPath.size > 0) {
    const found = firstOf(routes.byPath.get(path), accepts, request);
    if (found !== undefined) return found;
  }
  for (const length of routes.prefixLengths) {
    if (length > path.length || !mayEndAt(path, length)) continue;
    const prefix = length === path.length ? path : path.slice(0, length);
    const list = routes.byPrefix.get(prefix);
    if (list === undefined || !endsSegment(path, prefix)) continue;
    const found = firstOf(list, accepts, request);
    if (found !== undefined) return found;
  }
  return undefined;
}

function firstOf<T, R>(
  routes: readonly T[] | undefined,
  accepts: (route: T, request: R) => boolean,
  request: R,
): T | undefined {
  if (routes === undefined) return undefined;
  for (const route of routes) if (accepts(route, request)) return route;
  return undefined;
}

/** Whether a prefix of this length could end a segment of the path. */
function mayEndAt(path: string, length: number): boolean {
  return (
    length === path.length ||
    path.charCodeAt(length) === SLASH ||
    path.charCodeAt(length - 1) === SLASH
  );
}

const SLASH = 0x2f;
