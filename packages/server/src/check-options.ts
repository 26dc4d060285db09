/** What must hold between options before a server may listen (P12). */
import { BlockList, isIP } from "node:net";
import { ErrorCode, RegistryError } from "@fpzk/core";
import type { NodeServerOptions } from "./options.js";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** True when only this machine can connect to a listener bound there. */
export function isLoopbackHost(host: string): boolean {
  if (host === "localhost") return true;
  const family = isIP(host);
  if (family === 0) return false;
  return loopback.check(host, family === 6 ? "ipv6" : "ipv4");
}

/** Refuses to bind beyond loopback while anybody could register or join as a peer. */
export function checkExposure(options: NodeServerOptions): void {
  if (options.isInsecure || isLoopbackHost(options.host)) return;
  const missing: string[] = [];
  if (options.staticTokens.length === 0 && options.tokenKey === undefined) {
    missing.push("no tokens (set tokens or a token key, so that clients prove themselves)");
  }
  if (options.clusterSecret === undefined && options.tls?.caFile === undefined) {
    missing.push(
      "no peer proof (set a cluster secret, or TLS with a CA file, so that peers prove themselves)",
    );
  }
  if (missing.length === 0) return;
  throw new RegistryError(
    ErrorCode.failedPrecondition,
    `refusing to listen on ${options.host}, which is beyond loopback: ${missing.join("; ")}; ` +
      "or bind to 127.0.0.1, or allow it with --insecure",
  );
}
