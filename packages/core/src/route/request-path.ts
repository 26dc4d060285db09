/** Paths of requests: what is refused, and how a prefix is taken off. Pure. */

/** `.` or `..` as a segment, plain or percent-encoded (RFC 3986 §5.2.4). */
export function hasDotSegment(path: string): boolean {
  if (!path.includes(".") && !/%2e/i.test(path)) return false;
  return path.split(/[/\\]|%2f|%5c/i).some((segment) => /^(\.|%2e){1,2}$/i.test(segment));
}

/** Whether a prefix ends where a segment of the path does. */
export function endsSegment(path: string, prefix: string): boolean {
  return (
    path.length === prefix.length ||
    prefix.charCodeAt(prefix.length - 1) === SLASH ||
    path.charCodeAt(prefix.length) === SLASH
  );
}

/** The rest of the path after `prefixLength` characters, beginning with one `/`. */
export function withoutPrefix(path: string, prefixLength: number): string {
  const rest = path.slice(prefixLength);
  return rest.charCodeAt(0) === SLASH ? rest : `/${rest}`;
}

/** The path with another prefix; exactly one `/` where the two meet, none added at the end. */
export function withPrefix(path: string, prefixLength: number, prefix: string): string {
  const rest = path.slice(prefixLength);
  if (rest === "" || rest.startsWith("?")) return prefix + rest;
  const isDoubled = prefix.endsWith("/") && rest.startsWith("/");
  if (isDoubled) return prefix + rest.slice(1);
  return prefix.endsWith("/") || rest.startsWith("/") ? prefix + rest : `${prefix}/${rest}`;
}

/**
 * The host of a request in lower case, without port and without the dot of a fully qualified name;
 * an IPv6 address keeps its brackets.
 */
export function hostName(host: string): string {
  const end = host.startsWith("[") ? host.indexOf("]") + 1 : host.indexOf(":");
  const name = (end <= 0 ? host : host.slice(0, end)).toLowerCase();
  return name.length > 1 && name.endsWith(".") ? name.slice(0, -1) : name;
}

const SLASH = 0x2f;
