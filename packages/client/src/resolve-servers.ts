/** What the configured names mean now: a DNS name stands for all of its addresses. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { ServerAddress } from "@fpzk/core";
import { formatHostPort, type HostPort } from "./options.js";

/** A name that does not resolve stays as it is, so that the attempt to connect says why. */
export async function resolveServers(
  servers: readonly HostPort[],
): Promise<readonly ServerAddress[]> {
  const resolved = await Promise.all(servers.map((server) => resolveServer(server)));
  const byAddress = new Map(resolved.flat().map((server) => [server.address, server]));
  return [...byAddress.values()];
}

async function resolveServer(server: HostPort): Promise<readonly ServerAddress[]> {
  const { host, port } = server;
  if (isIP(host) !== 0) return [{ address: formatHostPort(server), serverName: undefined }];
  try {
    const addresses = await lookup(host, { all: true });
    return addresses.map(({ address }) => ({
      address: formatHostPort({ host: address, port }),
      serverName: host,
    }));
  } catch {
    return [{ address: formatHostPort(server), serverName: undefined }];
  }
}
