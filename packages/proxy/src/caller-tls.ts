/**
 * The certificates that callers are shown: by the name they ask for (SNI), else the first.
 *
 * @see RFC 6066 §3 (server name indication); RFC 9525 §6.3 (a wildcard stands for one label).
 */
import { X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext, type Server } from "node:tls";
import type { Certificate } from "./options.js";

export interface CallerTlsOptions {
  /** Shown to callers that name nobody, or a name that no other certificate has. */
  readonly main: Certificate;
  readonly further: readonly Certificate[];
}

export class CallerTls {
  #options: CallerTlsOptions;
  #byName: ReadonlyMap<string, SecureContext>;

  /** @throws Error when a text is no certificate and key. */
  constructor(options: CallerTlsOptions) {
    this.#options = options;
    createSecureContext(options.main);
    this.#byName = contextsByName(options);
  }

  get main(): Certificate {
    return this.#options.main;
  }

  /** Undefined: the main one. */
  contextFor(name: string): SecureContext | undefined {
    const lower = name.toLowerCase();
    const parent = lower.indexOf(".");
    return this.#byName.get(lower) ?? this.#byName.get(`*${lower.slice(parent)}`);
  }

  /** For handshakes from now on. @throws Error as the constructor; then nothing changes. */
  replace(options: CallerTlsOptions, server: Server): void {
    const next = new CallerTls(options);
    server.setSecureContext(options.main);
    this.#options = options;
    this.#byName = next.#byName;
  }
}

/** By the names in each certificate; of two with the same name the first has it. */
function contextsByName({ main, further }: CallerTlsOptions): Map<string, SecureContext> {
  const byName = new Map<string, SecureContext>();
  for (const certificate of [main, ...further]) {
    const context = createSecureContext(certificate);
    const names = new X509Certificate(certificate.cert).subjectAltName ?? "";
    for (const [, name] of names.matchAll(/(?:^|, )DNS:([^,\s"]+)/g)) {
      const lower = name?.toLowerCase() ?? "";
      if (!byName.has(lower)) byName.set(lower, context);
    }
  }
  return byName;
}
