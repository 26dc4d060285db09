/** Certificates made on the spot: the server's own test support, which packages do not export. */

export interface Authority {
  readonly certificate: { toString(format: "pem"): string };
}

export interface Identity {
  readonly cert: string;
  readonly key: string;
  readonly serialNumber: string;
}

export interface Certificates {
  createAuthority(name: string): Promise<Authority>;
  /** For 127.0.0.1 and a name, `localhost` unless told else. */
  issue(authority: Authority, name: string, dnsName?: string): Promise<Identity>;
}

export const certificates: Certificates = await import(
  new URL("../../packages/server/dist/certificates.test.support.js", import.meta.url).href
);
