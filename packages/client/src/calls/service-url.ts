/** Which service an address stands for. */
import { ErrorCode, RegistryError } from "@fpzk/core";
import { checkName } from "@fpzk/protocol";

export const FPZK_PROTOCOL = "fpzk:";
/** Ends the host name that stands for a service where only host names can be written. */
export const HOST_SUFFIX = ".fpzk";

export interface ServiceUrl {
  readonly service: string;
  /** Path and query, from the slash on. */
  readonly path: string;
}

/**
 * Reads `fpzk://service/path?query`. A name that has characters that no host may have is written
 * with percent signs.
 *
 * @throws RegistryError `invalid_argument` with what is wrong.
 */
export function parseServiceUrl(input: string | URL): ServiceUrl {
  const fault = (why: string): RegistryError =>
    new RegistryError(
      ErrorCode.invalidArgument,
      `call ${JSON.stringify(String(input).slice(0, 200))}: ${why}`,
    );
  const url = typeof input === "string" ? parsed(input) : input;
  if (url?.protocol !== FPZK_PROTOCOL) throw fault("the address must be fpzk://service/path");
  if (url.port !== "" || url.username !== "" || url.password !== "") {
    throw fault("a service has no port, user or password");
  }
  const service = decoded(url.hostname);
  const refusal = checkName("service", service ?? "");
  if (service === undefined || refusal !== undefined) {
    throw fault(refusal?.message ?? "its service cannot be decoded");
  }
  return { service, path: `${url.pathname === "" ? "/" : url.pathname}${url.search}` };
}

/** The service of `name.fpzk`; undefined for every other host. */
export function serviceOfHost(host: string): string | undefined {
  if (!host.toLowerCase().endsWith(HOST_SUFFIX)) return undefined;
  const service = host.slice(0, -HOST_SUFFIX.length);
  return service === "" ? undefined : service;
}

function parsed(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
