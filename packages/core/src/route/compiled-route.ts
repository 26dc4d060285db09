/** A route made ready for requests: texts parsed, defaults filled in, what is constant made once. */
import type { Filter } from "../pick/filter.js";
import type { Random } from "../random.js";
import { type KeySource, keyOf, parseKeySource } from "./key-source.js";
import { withoutPrefix, withPrefix } from "./request-path.js";
import {
  type ChosenHedge,
  type ChosenPlace,
  type Destination,
  type HeaderCondition,
  RETRY_COUNT_DEFAULT,
  RETRY_ON_DEFAULT,
  type RetryCause,
  type Route,
  type RouteQuery,
  type RouteTarget,
} from "./route.js";
import type { Indexed } from "./route-index.js";
import { routeLabel } from "./route-label.js";
import { Split } from "./split.js";

/** The field by which a tester asks for a version, where the route allows it. */
export const VERSION_HEADER = "x-fpzk-version";

/** Versions of which one route remembers the filter; a filter of its own costs a watch's lookup. */
const VERSION_COUNT_MAX = 64;

/** A destination with what a request for it is given. */
interface Place extends ChosenPlace {
  /** Filters of versions that were asked for. */
  readonly versions: Map<string, Filter>;
}

export class CompiledRoute implements Indexed {
  readonly host: string | undefined;
  readonly path: string | undefined;
  readonly prefix: string;
  readonly conditionCount: number;
  readonly #label: string;
  readonly #places: readonly Place[];
  readonly #mirror: ChosenPlace | undefined;
  readonly #route: Route;
  readonly #random: Random;
  readonly #methods: ReadonlySet<string> | undefined;
  readonly #headers: readonly HeaderCondition[];
  readonly #split: Split<Place> | undefined;
  readonly #splitKey: KeySource | undefined;
  readonly #key: KeySource | undefined;
  readonly #retryOn: ReadonlySet<RetryCause>;
  readonly #hedge: ChosenHedge | undefined;
  readonly #mirrorShare: number;

  /** @param route - Must have passed `readRoutes`. */
  constructor(route: Route, random: Random) {
    this.#route = route;
    this.#label = routeLabel(route);
    this.#random = random;
    this.host = route.host?.toLowerCase();
    this.path = route.path;
    this.prefix = route.pathPrefix ?? "/";
    this.#methods = route.methods && new Set(route.methods);
    this.#headers = (route.headers ?? []).map((one) => ({ ...one, name: one.name.toLowerCase() }));
    this.conditionCount = this.#headers.length + (this.#methods === undefined ? 0 : 1);
    const { split } = route;
    const destinations = split ?? [{ ...route, service: route.service ?? "", weight: 1 }];
    this.#places = destinations.map(placeOf);
    this.#split =
      split && new Split(split.map(({ weight }, at) => ({ value: this.#placeAt(at), weight })));
    this.#splitKey = sourceOf(route.splitKey);
    this.#key = sourceOf(route.key);
    this.#retryOn = new Set(route.retryOn ?? RETRY_ON_DEFAULT);
    const { hedge } = route;
    this.#hedge = hedge && { afterMs: hedge.afterMs, countMax: hedge.countMax ?? 1 };
    this.#mirror = route.mirror && placeOf(route.mirror);
    this.#mirrorShare = (route.mirror?.percent ?? 100) / 100;
  }

  /** Whether method and headers are as the route wants them. */
  accepts(query: RouteQuery): boolean {
    if (this.#methods?.has(query.method) === false) return false;
    for (const condition of this.#headers) {
      if (!holds(condition, query.header(condition.name))) return false;
    }
    return true;
  }

  /** What becomes of a request. @param path - That of the query, without its query. */
  target(query: RouteQuery, path: string): RouteTarget {
    const route = this.#route;
    const splitKey = this.#splitKey && keyOf(this.#splitKey, query, path);
    const place = this.#split?.choose(splitKey, this.#random) ?? this.#placeAt(0);
    const version = route.allowsVersion === true ? versionOf(query) : undefined;
    return {
      routeName: this.#label,
      service: place.service,
      namespace: place.namespace,
      policy: route.policy,
      balancing: route.balancing,
      filter: version === undefined ? place.filter : filterOfVersion(place, version),
      key: this.#key && keyOf(this.#key, query, path),
      path: this.#pathFor(query.path),
      host: route.rewriteHost,
      retryCount: route.retryCount ?? RETRY_COUNT_DEFAULT,
      retryOn: this.#retryOn,
      timeoutMs: route.timeoutMs,
      attemptTimeoutMs: route.attemptTimeoutMs,
      protocol: route.protocol,
      hedge: this.#hedge,
      mirror: this.#mirrorPick(),
      fanOut: undefined,
      isDynamic: false,
      isVersionChosen: version !== undefined,
    };
  }

  #mirrorPick(): ChosenPlace | undefined {
    if (this.#mirror === undefined || this.#mirrorShare >= 1) return this.#mirror;
    return this.#random.next() < this.#mirrorShare ? this.#mirror : undefined;
  }

  #pathFor(path: string): string {
    const { stripPrefix, replacePrefix } = this.#route;
    if (replacePrefix !== undefined) return withPrefix(path, this.prefix.length, replacePrefix);
    return stripPrefix === true ? withoutPrefix(path, this.prefix.length) : path;
  }

  #placeAt(index: number): Place {
    return this.#places[index] as Place;
  }
}

function placeOf({ service, namespace, filter }: Destination): Place {
  return { service, namespace: namespace ?? "", filter, versions: new Map() };
}

function sourceOf(text: string | undefined): KeySource | undefined {
  return text === undefined ? undefined : parseKeySource(text);
}

function holds({ exact, prefix }: HeaderCondition, value: string | undefined): boolean {
  if (value === undefined) return false;
  if (exact !== undefined) return value === exact;
  return prefix === undefined || value.startsWith(prefix);
}

/** The version that a tester asks for; nothing where it could be no version at all. */
function versionOf(query: RouteQuery): string | undefined {
  const version = query.header(VERSION_HEADER);
  return version === undefined || version === "" || version.length > 200 ? undefined : version;
}

function filterOfVersion(place: Place, version: string): Filter {
  const known = place.versions.get(version);
  if (known !== undefined) return known;
  const filter = { ...place.filter, version };
  if (place.versions.size < VERSION_COUNT_MAX) place.versions.set(version, filter);
  return filter;
}
