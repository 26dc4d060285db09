/** Which of an instance's endpoints a caller connects to, and how it is written. */
import type { Endpoint, InstanceDescription } from "@fpzk/core";

/** Protocols whose form over TLS has a name of its own. */
const TLS_FORMS: Readonly<Record<string, string>> = { http: "https", ws: "wss", grpc: "grpcs" };
const PLAIN_FORMS: ReadonlyMap<string, string> = new Map(
  Object.entries(TLS_FORMS).map(([plain, tls]) => [tls, plain]),
);
/** Schemes of addresses; of gRPC over TLS it is the one that its targets have, too. */
const TLS_SCHEMES: Readonly<Record<string, string>> = { http: "https", ws: "wss" };

/**
 * The endpoint for a caller in `callerRegion`: internal ones inside the instance's region, public
 * ones from elsewhere, the first listed of each; the other reach where the fitting one is lacking.
 *
 * An endpoint of `https`, `wss` or `grpcs` is one of `http`, `ws` or `grpc` that speaks TLS.
 *
 * @param protocol - Only endpoints that speak it, over TLS or not; `https`, `wss` and `grpcs` only
 * over TLS. Undefined for any.
 * @returns With `tls` true also where only the protocol says so.
 */
export function chooseEndpoint(
  description: InstanceDescription,
  callerRegion: string,
  protocol: string | undefined,
): Endpoint | undefined {
  const reach = description.region === callerRegion ? "internal" : "public";
  const spoken = description.endpoints.filter(
    (endpoint) => protocol === undefined || speaks(endpoint, protocol),
  );
  const chosen = spoken.find((endpoint) => endpoint.reach === reach) ?? spoken[0];
  if (chosen === undefined || chosen.tls || !PLAIN_FORMS.has(chosen.protocol)) return chosen;
  return { ...chosen, tls: true };
}

function speaks({ protocol, tls }: Endpoint, asked: string): boolean {
  if (protocol === asked) return true;
  return TLS_FORMS[asked] === protocol || (tls && PLAIN_FORMS.get(asked) === protocol);
}

/** `protocol://host:port`, IPv6 in brackets; `https` and `wss` where TLS is spoken. */
export function endpointUrl({ protocol, host, port, tls }: Endpoint): string {
  const scheme = tls ? (TLS_SCHEMES[protocol] ?? protocol) : protocol;
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
