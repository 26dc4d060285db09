/** Which port's connections go to which service. */
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
}

/** Every service that the route names. */
export function tcpServices({ service, serverNames = {} }: TcpRoute): readonly string[] {
  return [...new Set([...(service === undefined ? [] : [service]), ...Object.values(serverNames)])];
}

export function tcpTarget(route: TcpRoute, service: string): RouteTarget {
  return {
    service,
    namespace: route.namespace ?? "",
    filter: undefined,
    routeName: `tcp:${route.port}`,
    ...{ policy: undefined, key: undefined, path: "", host: undefined, timeoutMs: undefined },
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
    for (const name of Object.keys(route.serverNames ?? {})) {
      if (name !== name.toLowerCase())
        faults.push(`${at}.serverNames.${name}: write it lower case`);
    }
  }
  return faults;
}
