/** A request for tests of routes. */
import type { RouteQuery } from "./route.js";

export interface AskedFor {
  readonly method?: string;
  readonly host?: string;
  readonly path?: string;
  readonly clientAddress?: string;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
}

export function queryOf(asked: AskedFor = {}): RouteQuery {
  const {
    method = "GET",
    host = "x",
    path = "/",
    clientAddress = "10.0.0.9",
    headers = {},
  } = asked;
  return { method, host, path, clientAddress, header: (name) => headers[name] };
}
