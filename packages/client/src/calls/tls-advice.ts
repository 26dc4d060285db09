/** What to do when TLS to an instance fails. */

const NAME_FAULT = /ERR_TLS_CERT_ALTNAME_INVALID/;
const CHAIN_FAULT =
  /UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|unable to (verify|get)|self[- ]signed certificate/;
const EXPIRY_FAULT = /CERT_HAS_EXPIRED|certificate has expired/;
const PLAIN_FAULT = /ERR_SSL_WRONG_VERSION_NUMBER|wrong version number|packet length too long/;

export interface TlsRemedies {
  /** For a certificate that names somebody else. */
  readonly name: string;
  /** For one that chains to nobody who is trusted. */
  readonly chain: string;
  /** For an instance that does not speak TLS. */
  readonly plain: string;
}

/**
 * The remedy for a failure, after a semicolon; nothing where TLS is not what failed.
 *
 * @param fault - The error's code, or its text where there is no more.
 */
export function tlsAdvice(fault: string, { name, chain, plain }: TlsRemedies): string {
  if (NAME_FAULT.test(fault)) return `; ${name}`;
  if (CHAIN_FAULT.test(fault)) return `; ${chain}`;
  if (EXPIRY_FAULT.test(fault)) return "; renew the instance's certificate";
  return PLAIN_FAULT.test(fault) ? `; ${plain}` : "";
}
