/**
 * Where the key of a request comes from: what makes one caller, or one object, go to one place.
 *
 * Written as one text: `header:NAME`, `cookie:NAME`, `address` (the caller's) or `path` (without
 * the query). A request that lacks its header or cookie goes by the caller's address, so that a
 * missing key does not send everybody to one instance.
 *
 * @see RFC 6265 §5.4 for the form of `Cookie`.
 */
import type { RouteQuery } from "./route.js";

export type KeySource =
  | { readonly kind: "header" | "cookie"; readonly name: string }
  | { readonly kind: "address" }
  | { readonly kind: "path" };

/** For messages. */
export const KEY_SOURCE_FORM = '"header:NAME", "cookie:NAME", "address" or "path"';

/** RFC 9110 §5.6.2: what names of fields, cookies and methods consist of. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,200}$/;

export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** The source that a text names; undefined when it names none. */
export function parseKeySource(text: string): KeySource | undefined {
  if (text === "address" || text === "path") return { kind: text };
  const end = text.indexOf(":");
  const kind = text.slice(0, Math.max(0, end));
  const name = text.slice(end + 1);
  if ((kind !== "header" && kind !== "cookie") || !isToken(name)) return undefined;
  return { kind, name: kind === "header" ? name.toLowerCase() : name };
}

/** The key of a request; undefined when it has none. @param path - Without the query. */
export function keyOf(source: KeySource, query: RouteQuery, path: string): string | undefined {
  switch (source.kind) {
    case "path":
      return path;
    case "header":
      return query.header(source.name) || addressOf(query);
    case "cookie":
      return cookieOf(query.header("cookie"), source.name) || addressOf(query);
    case "address":
      return addressOf(query);
  }
}

function addressOf(query: RouteQuery): string | undefined {
  return query.clientAddress === "" ? undefined : query.clientAddress;
}

/** The value of the first cookie of that name. */
export function cookieOf(field: string | undefined, name: string): string | undefined {
  if (field === undefined) return undefined;
  for (let start = 0; start < field.length; ) {
    while (field[start] === " " || field[start] === "\t") start += 1;
    const semicolon = field.indexOf(";", start);
    const end = semicolon === -1 ? field.length : semicolon;
    const isNamed = field[start + name.length] === "=" && field.startsWith(name, start);
    if (isNamed && start + name.length < end) {
      return field.slice(start + name.length + 1, end).trim();
    }
    start = end + 1;
  }
  return undefined;
}
