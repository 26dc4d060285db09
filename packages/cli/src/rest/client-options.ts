/** The options that all commands share which talk to a server. */

import { isRegistryError } from "@fpzk/core";
import type { Command } from "commander";
import { CliError } from "../cli-error.js";
import { parseHostPort } from "../config/address.js";
import { ExitCode } from "../exit-code.js";
import type { Io } from "../io.js";
import type { Target } from "./request.js";

export const SERVER_DEFAULT = "http://127.0.0.1:7100";
const PORT_DEFAULT = 7_100;

export interface ClientSettings {
  /** At least one, in the order to try. */
  readonly targets: readonly Target[];
  readonly namespace: string;
}

/** Adds `--server`, `--token`, `--namespace` and `--ca-file`. */
export function addClientOptions(command: Command): Command {
  return command
    .option(
      "-s, --server <url,…>",
      `server, or several to try in order (FPZK_SERVER; default ${SERVER_DEFAULT})`,
    )
    .option("-n, --namespace <name>", 'namespace (FPZK_NAMESPACE; default "default")')
    .option("--token <token>", "token, better given as FPZK_TOKEN")
    .option("--ca-file <file>", "PEM file of a CA to trust, for https (NODE_EXTRA_CA_CERTS too)");
}

/** Reads them from flags and environment. */
export function clientSettings(command: Command, io: Io): ClientSettings {
  const options: { server?: string; namespace?: string; token?: string; caFile?: string } =
    command.opts();
  const { environment } = io;
  const servers = (options.server ?? (environment["FPZK_SERVER"] || SERVER_DEFAULT)).split(",");
  const token = options.token ?? (environment["FPZK_TOKEN"] || undefined);
  const baseUrls = servers.map((server) => parseServer(server.trim()));
  return {
    targets: baseUrls.map((baseUrl) => ({ baseUrl, token, caFile: options.caFile })),
    namespace: options.namespace ?? (environment["FPZK_NAMESPACE"] || "default"),
  };
}

/** Asks each server in turn until one can be reached and is ready. */
export async function withTargets<T>(
  settings: ClientSettings,
  ask: (target: Target) => Promise<T>,
): Promise<T> {
  let failure: unknown;
  for (const target of settings.targets) {
    try {
      return await ask(target);
    } catch (error) {
      if (!isRegistryError(error) || error.code !== "unavailable") throw error;
      failure = error;
    }
  }
  throw failure;
}

/** `/v1/namespaces/NAMESPACE/services/SERVICE…`, each part encoded. */
export function servicePath(namespace: string, ...parts: readonly string[]): string {
  const encoded = parts.map((part) => `/${encodeURIComponent(part)}`).join("");
  return `/v1/namespaces/${encodeURIComponent(namespace)}/services${encoded}`;
}

function parseServer(text: string): URL {
  const bare = parseHostPort(text, PORT_DEFAULT);
  if (bare !== undefined) {
    const host = bare.host.includes(":") ? `[${bare.host}]` : bare.host;
    return new URL(`http://${host}:${bare.port}`);
  }
  if (/^https?:\/\//.test(text) && URL.canParse(text)) {
    const url = new URL(text);
    if (url.port === "" && !/^https?:\/\/[^/]*:\d+/.test(text)) url.port = String(PORT_DEFAULT);
    if (url.pathname === "/" && url.search === "" && url.username === "") return url;
  }
  throw new CliError(
    ExitCode.usage,
    `--server ${JSON.stringify(text)} must be "host:port", "http://host:port" or "https://host:port"`,
  );
}
