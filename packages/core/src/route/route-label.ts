/** What a route is called in metrics and access lines: its name, or what it takes. */
import type { Route } from "./route.js";

/** What stands in the place of a route's name; no route may have such a name. */
export const RouteLabel = {
  /** Dynamic mode: the request named its service itself. */
  dynamic: "dynamic",
  /** No route took the request, or it was refused before one was looked for. */
  none: "none",
  /** One route too many for a label of its own. */
  other: "other",
} as const;
export type RouteLabel = (typeof RouteLabel)[keyof typeof RouteLabel];

/** As long as a name may be. */
const LABEL_MAX_LENGTH = 200;

/**
 * The route's name; without one, what it takes: methods, host and path, and the names of header
 * fields, as in `GET|PUT shop.example.com/api* x-tester`. Values of header fields stay out of it,
 * for they may be secrets, so that routes which differ in nothing else need names to be told apart.
 */
export function routeLabel({ name, host, path, pathPrefix, methods, headers }: Route): string {
  if (name !== undefined) return name;
  const parts = [
    [...(methods ?? [])].sort().join("|"),
    `${host?.toLowerCase() ?? ""}${path ?? `${pathPrefix ?? "/"}*`}`,
    ...(headers ?? []).map((header) => header.name.toLowerCase()).sort(),
  ];
  const whole = parts.filter((part) => part !== "").join(" ");
  return whole.length > LABEL_MAX_LENGTH ? `${whole.slice(0, LABEL_MAX_LENGTH - 1)}…` : whole;
}
