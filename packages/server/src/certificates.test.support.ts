/** Certificates made on the spot, for tests of TLS. */
import "./reflect-metadata.test.support.js";
import type { webcrypto } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";
import type { TlsFiles } from "./options.js";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;

export interface Authority {
  readonly certificate: x509.X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

export interface Identity {
  readonly cert: string;
  readonly key: string;
  readonly serialNumber: string;
}

let serial = 1;

export async function createAuthority(name: string): Promise<Authority> {
  const keys = await createKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: nextSerial(),
    name: `CN=${name}`,
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + DAY_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
  });
  return { certificate, keys };
}

/** A certificate for 127.0.0.1 and localhost, or another name. */
export async function issue(
  authority: Authority,
  name: string,
  dnsName = "localhost",
): Promise<Identity> {
  const keys = await createKeys();
  const serialNumber = nextSerial();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber,
    subject: `CN=${name}`,
    issuer: authority.certificate.subject,
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + DAY_MS),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey,
    extensions: [
      new x509.SubjectAlternativeNameExtension([
        { type: "ip", value: "127.0.0.1" },
        { type: "dns", value: dnsName },
      ]),
    ],
  });
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  const key = x509.PemConverter.encode(pkcs8, "PRIVATE KEY");
  return { cert: certificate.toString("pem"), key, serialNumber };
}

/** Files of one identity in a folder of their own. */
export async function writeTlsFiles(
  identity: Identity,
  authority: Authority | undefined,
): Promise<TlsFiles & AsyncDisposable & { replace(identity: Identity): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "fpzk-tls-"));
  const certFile = join(folder, "cert.pem");
  const keyFile = join(folder, "key.pem");
  const caFile = authority === undefined ? undefined : join(folder, "ca.pem");
  const replace = async ({ cert, key }: Identity) => {
    await writeFile(certFile, cert);
    await writeFile(keyFile, key);
  };
  await replace(identity);
  if (caFile !== undefined) await writeFile(caFile, authority?.certificate.toString("pem") ?? "");
  return {
    certFile,
    keyFile,
    caFile,
    replace,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

function createKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

function nextSerial(): string {
  serial += 1;
  return serial.toString(16).padStart(4, "0");
}
