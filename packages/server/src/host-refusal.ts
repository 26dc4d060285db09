/** Whose `Host` a node without tokens answers to: see {@link OwnNames}. */
import type { IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";
import { OwnNames } from "@fpzk/core";
import { parseHostPort } from "./host-port.js";
import type { NodeServerOptions } from "./options.js";

/**
 * Says why a request is refused whose `Host` is a foreign name.
 *
 * Over TLS everybody is let pass: a browser has checked the name against the certificate.
 */
export function createHostRefusal({
  host,
  advertise,
  seeds,
  hostNames,
}: NodeServerOptions): (request: IncomingMessage) => string | undefined {
  const addresses = [...(advertise === undefined ? [] : [advertise]), ...seeds];
  const known = addresses.map((address) => parseHostPort(address).host);
  const names = new OwnNames([host, ...known, ...hostNames], "hostNames");
  return ({ headers, socket }) =>
    socket instanceof TLSSocket ? undefined : names.refusalOf(headers.host, socket.localAddress);
}
