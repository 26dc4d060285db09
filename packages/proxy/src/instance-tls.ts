/** What the proxy trusts and shows when it connects to instances by TLS. */
import { createSecureContext, type SecureContext } from "node:tls";
import type { Certificate } from "./options.js";

export interface InstanceTlsOptions {
  /** PEM of the CA that instances' certificates chain to; undefined: the system's. */
  readonly instanceCa: string | undefined;
  /** Shown to instances that ask for one (mutual TLS). */
  readonly instanceCertificate: Certificate | undefined;
}

export class InstanceTls {
  #options: InstanceTlsOptions;
  #context: SecureContext | undefined;

  constructor(options: InstanceTlsOptions) {
    this.#options = options;
  }

  /** One for all connections: reading the CAs takes milliseconds. */
  get context(): SecureContext {
    const { instanceCa, instanceCertificate } = this.#options;
    this.#context ??= createSecureContext({
      ...(instanceCa === undefined ? {} : { ca: instanceCa }),
      ...instanceCertificate,
    });
    return this.#context;
  }

  /** For connections from now on. @throws Error when a text is no PEM; then nothing changes. */
  replace(options: InstanceTlsOptions): void {
    const next = new InstanceTls(options);
    this.#context = next.context;
    this.#options = options;
  }
}
