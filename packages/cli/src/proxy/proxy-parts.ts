/** What a proxy is made of beside its settings: PEM texts, and clients of the registry. */
import type { ClientNote, ConnectOptions, FpzkClient } from "@fpzk/client";
import { destinationsOf } from "@fpzk/core";
import type { RunningProxy } from "@fpzk/proxy";
import type { Logger } from "@fpzk/server";
import { CliError } from "../cli-error.js";
import type { ProxyConfig } from "../config/proxy-config.js";
import { toRoute } from "../config/route-config.js";
import { ExitCode } from "../exit-code.js";
import type { Io } from "../io.js";

const PEM_FILE_MAX_BYTES = 1024 * 1024;

/** Reads the files of certificates and keys; all faults at once. */
export function readPemFiles(config: ProxyConfig, io: Io) {
  const faults: string[] = [];
  const read = (name: string, path: string | undefined): string | undefined => {
    if (path === undefined) return undefined;
    try {
      return io.readFile(path, PEM_FILE_MAX_BYTES);
    } catch (error) {
      faults.push(`${name}: ${(error as Error).message}`);
      return undefined;
    }
  };
  const cert = read("tls.certFile", config.tls.certFile);
  const key = read("tls.keyFile", config.tls.keyFile);
  const instanceCa = read("instanceCaFile", config.instanceCaFile);
  const certificates = config.tls.certificates.map(({ certFile, keyFile }, index) => ({
    cert: read(`tls.certificates[${index}].certFile`, certFile) ?? "",
    key: read(`tls.certificates[${index}].keyFile`, keyFile) ?? "",
  }));
  const ownCert = read("instanceCertFile", config.instanceCertFile);
  const ownKey = read("instanceKeyFile", config.instanceKeyFile);
  if (faults.length > 0) throw new CliError(ExitCode.usage, faults.join("\nfpzk: "));
  return {
    certificates,
    ...(ownCert === undefined || ownKey === undefined
      ? {}
      : { instanceCertificate: { cert: ownCert, key: ownKey } }),
    ...(cert === undefined || key === undefined ? {} : { tls: { cert, key } }),
    ...(instanceCa === undefined ? {} : { instanceCa }),
  };
}

/**
 * Looks at the files of certificates now and then, and passes on what changed.
 *
 * A pair that is half written does not fit or is no PEM: it is told, and looked at again next time.
 *
 * @returns Ends it.
 */
export function watchPemFiles(
  config: ProxyConfig,
  io: Io,
  logger: Logger,
  proxy: Pick<RunningProxy, "replaceCertificates">,
): () => void {
  if (config.certificateCheck === 0) return () => {};
  let known = JSON.stringify(readPemFiles(config, io));
  const timer = setInterval(() => {
    try {
      const files = readPemFiles(config, io);
      const text = JSON.stringify(files);
      if (text === known) return;
      proxy.replaceCertificates(files);
      known = text;
    } catch (error) {
      logger.error("proxy.certificates_refused", { error: String(error) });
    }
  }, config.certificateCheck);
  timer.unref();
  return () => clearInterval(timer);
}

export interface ProxyClients {
  readonly main: FpzkClient;
  /** For each other namespace that a route names. */
  readonly byNamespace: ReadonlyMap<string, FpzkClient>;
  readonly all: readonly FpzkClient[];
}

/** One client for the registry's namespace, one for each other that a route names. */
export async function connectClients(config: ProxyConfig, logger: Logger): Promise<ProxyClients> {
  const { namespace } = config.registry;
  const named = config.routes
    .flatMap((route) => destinationsOf(toRoute(route)))
    .flatMap((destination) => destination.namespace ?? []);
  const names = [namespace, ...new Set(named.filter((name) => name !== namespace))];
  const { connect } = await import("@fpzk/client");
  const results = await Promise.allSettled(
    names.map((name) => connect(connectOptions(config, name, logger))),
  );
  const clients = results.flatMap((result) =>
    result.status === "fulfilled" ? [result.value] : [],
  );
  const failed = results.find((result) => result.status === "rejected");
  const [main] = clients;
  if (failed !== undefined || main === undefined) {
    await Promise.allSettled(clients.map((client) => client.close()));
    throw failed?.reason;
  }
  const byNamespace = new Map(names.map((name, index) => [name, clients[index] ?? main]));
  return { main, byNamespace, all: clients };
}

function connectOptions(config: ProxyConfig, namespace: string, logger: Logger): ConnectOptions {
  const { servers, token, tls, caFile, snapshotDirectory } = config.registry;
  return {
    namespace,
    region: config.region,
    zone: config.zone,
    onNote: (note: ClientNote) => logger[note.level](note.event, note.fields),
    ...(servers.length === 0 ? {} : { servers }),
    ...(token === undefined ? {} : { token }),
    ...(tls ? { tls: caFile === undefined ? {} : { caFile } } : {}),
    ...(snapshotDirectory === undefined ? {} : { snapshotDirectory }),
  };
}
