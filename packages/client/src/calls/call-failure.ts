/**
 * What an error of a Node.js HTTP client says: whether anything was sent, or whether it is no fault
 * of the network at all.
 */
import { type TlsRemedies, tlsAdvice } from "./tls-advice.js";

/** Codes that only a connection that never came about can have. */
const UNSENT_CODES: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EHOSTDOWN",
  "ENETDOWN",
  "EADDRNOTAVAIL",
  "ENOTFOUND",
  "EAI_AGAIN",
  "UND_ERR_CONNECT_TIMEOUT",
]);
/** Certificates that were refused: the request waits for the handshake. */
const CERTIFICATE_CODE = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/;
const CAUSE_DEPTH_MAX = 5;
const TLS_REMEDIES: TlsRemedies = {
  name: "the certificate must name the host of the instance's endpoint",
  chain: "have this program trust its authority, for example by NODE_EXTRA_CA_CERTS",
  plain: "its endpoint says tls, but it speaks none",
};

interface CodedError {
  readonly code?: unknown;
  readonly syscall?: unknown;
  readonly cause?: unknown;
}

/** True when no connection came about, so that no instance has seen anything of the request. */
export function isConnectFailure(error: unknown): boolean {
  return causesOf(error).some(({ code, syscall }) => {
    if (syscall === "connect" || syscall === "getaddrinfo") return true;
    return typeof code === "string" && (UNSENT_CODES.has(code) || CERTIFICATE_CODE.test(code));
  });
}

/** True when the error is the network's or the instance's, not one of how the call was written. */
export function isNetworkFailure(error: unknown): boolean {
  return causesOf(error).some(
    ({ code }) =>
      typeof code === "string" &&
      code !== "UND_ERR_INVALID_ARG" &&
      /^(E[A-Z]|UND_ERR_|HPE_|ERR_TLS_|ERR_SSL_|ERR_HTTP2_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/.test(
        code,
      ) &&
      !code.startsWith("ERR_INVALID"),
  );
}

/**
 * What went wrong in one line, and what to do if TLS was it: of the innermost cause, which names
 * address and port.
 */
export function failureText(error: unknown): string {
  const causes = causesOf(error);
  const innermost = causes.findLast((cause) => cause instanceof Error) as Error | undefined;
  if (innermost === undefined) return String(error);
  const code = String((innermost as CodedError).code);
  return `${innermost.message || code}${tlsAdvice(code, TLS_REMEDIES)}`;
}

function causesOf(error: unknown): CodedError[] {
  const causes: CodedError[] = [];
  let next = error;
  while (typeof next === "object" && next !== null && causes.length < CAUSE_DEPTH_MAX) {
    causes.push(next as CodedError);
    next = (next as CodedError).cause;
  }
  return causes;
}
