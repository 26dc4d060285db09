/** Which of an instance's endpoints a caller connects to, and how it is written. */
import type { Endpoint, InstanceDescription } from "@fpzk/core";

/** Schemes whose TLS form has a name of its own. */
const TLS_SCHEMES: Readonly<Record<string, string>> = { http: "https", ws: "wss" };

/**
 * The endpoint for a caller in `callerRegion`: internal ones inside the instance's region, public
 * ones from elsewhere, the first listed of each; the other reach where the fitting one is lacking.
 *
 * @param protocol - Only endpoints that speak it; undefined for any.
 */
export function chooseEndpoint(
  description: InstanceDescription,
  callerRegion: string,
  protocol: string | undefined,
): Endpoint | undefined {
  const reach = description.region === callerRegion ? "internal" : "public";
  const spoken = description.endpoints.filter(
    (endpoint) => protocol === undefined || endpoint.protocol === protocol,
  );
  return spoken.find((endpoint) => endpoint.reach === reach) ?? spoken[0];
}

/** `protocol://host:port`, IPv6 in brackets; `https` and `wss` where TLS is spoken. */
export function endpointUrl({ protocol, host, port, tls }: Endpoint): string {
  const scheme = tls ? (TLS_SCHEMES[protocol] ?? protocol) : protocol;
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
