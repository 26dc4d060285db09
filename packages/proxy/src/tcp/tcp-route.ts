/** Which port's connections go to which service. */
import { type Filter, PolicyName } from "@fpzk/core";
import type { RouteTarget } from "../route-table.js";

export interface TcpRoute {
  /** Default: the proxy's host. */
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** For every connection, or those whose name is in none of `serverNames`. */
  readonly service?: string;
  /** Services by the name that a caller's TLS asks for (SNI), in lower case. */
  readonly serverNames?: Readonly<Record<string, string>>;
  /** Default: the directory's own. */
  readonly namespace?: string;
  /** Only these instances, of each service. Default: all. */
  readonly filter?: Filter;
  /**
   * How an instance is chosen; policies of affinity go by the caller's address. Default: that of the
   * directory.
   */
  readonly policy?: PolicyName;
}

/** Every service that the route names. */
export function tcpServices({ service, serverNames = {} }: TcpRoute): readonly string[] {
  return [...new Set([...(service === undefined ? [] : [service]), ...Object.values(serverNames)])];
}

/** @param address - The caller's. */
export function tcpTarget(route: TcpRoute, service: string, address?: string): RouteTarget {
  return {
    service,
    namespace: route.namespace ?? "",
    filter: route.filter,
    policy: route.policy,
    key: address,
    routeName: `tcp:${route.port}`,
    ...{ path: "", host: undefined, timeoutMs: undefined },
    ...{ retryCount: 0, retryOn: new Set(), hedge: undefined, mirror: undefined },
    ...{ attemptTimeoutMs: undefined, protocol: undefined, balancing: undefined },
    ...{ fanOut: undefined, isDynamic: false, isVersionChosen: false },
  };
}

/** What is wrong with the routes, each with its place, value and rule. */
export function checkTcpRoutes(routes: readonly TcpRoute[]): string[] {
  const faults: string[] = [];
  const ports = new Set<number>();
  for (const [index, route] of routes.entries()) {
    const at = `tcp[${index}]`;
    const { port } = route;
    if (!Number.isSafeInteger(port) || port < 0 || port > 65_535) {
      faults.push(`${at}.port ${port} must be 0 to 65535`);
    }
    if (port !== 0 && ports.has(port)) faults.push(`${at}.port ${port} is given twice`);
    ports.add(port);
    if (tcpServices(route).length === 0) {
      faults.push(`${at}: needs a service, or serverNames, so that connections go somewhere`);
    }
    const { policy } = route;
    const policies = Object.values(PolicyName);
    if (policy !== undefined && !policies.includes(policy)) {
      faults.push(`${at}.policy "${policy}" must be one of ${policies.join(", ")}`);
    }
    for (const name of Object.keys(route.serverNames ?? {})) {
      if (name !== name.toLowerCase())
        faults.push(`${at}.serverNames.${name}: write it lower case`);
    }
  }
  return faults;
}
