/** TLS of the shared port: no listener of its own, and certificates that may change while it runs. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import type { Logger } from "./logger.js";
import type { TlsFiles } from "./options.js";

export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer | undefined;
}

const HANDSHAKE_TIMEOUT_MS = 5_000;
const POLL_INTERVAL_MS = 5_000;

export class TlsServer {
  readonly #server: Server;
  readonly #files: TlsFiles;
  readonly #logger: Logger;
  #material: TlsMaterial;
  #hash: string;
  #timer: NodeJS.Timeout | undefined;

  private constructor(files: TlsFiles, material: TlsMaterial, logger: Logger) {
    this.#files = files;
    this.#logger = logger;
    this.#material = material;
    this.#hash = hashOf(material);
    this.#server = createServer({
      ...contextOf(material),
      minVersion: "TLSv1.2",
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      ALPNProtocols: ["http/1.1"],
      // Clients need no certificate; peers do, and the peer endpoint checks `authorized`.
      requestCert: material.ca !== undefined,
      rejectUnauthorized: false,
    });
    this.#server.on("tlsClientError", (error, socket) => {
      this.#logger.debug("tls.handshake-failed", {
        error: error.message,
        address: socket.remoteAddress,
      });
      socket.destroy();
    });
  }

  /** Reads the files; a file that is missing or not a certificate is an error at start. */
  static async open(files: TlsFiles, logger: Logger, pollIntervalMs = POLL_INTERVAL_MS) {
    const server = new TlsServer(files, await readMaterial(files), logger);
    // Polling sees what inotify misses: a mounted secret that is swapped by a symbolic link.
    server.#timer = setInterval(() => void server.reload(), pollIntervalMs);
    server.#timer.unref();
    return server;
  }

  /** What this node presents when it dials. */
  get material(): TlsMaterial {
    return this.#material;
  }

  accept(socket: Socket): void {
    this.#server.emit("connection", socket);
  }

  onSecure(listener: (socket: TLSSocket) => void): void {
    this.#server.on("secureConnection", listener);
  }

  /** Reads the files again; unreadable or broken ones leave the old certificate in place. */
  async reload(): Promise<boolean> {
    try {
      const material = await readMaterial(this.#files);
      const hash = hashOf(material);
      if (hash === this.#hash) return false;
      this.#server.setSecureContext(contextOf(material));
      this.#material = material;
      this.#hash = hash;
      this.#logger.info("tls.reloaded", { certFile: this.#files.certFile });
      return true;
    } catch (error) {
      this.#logger.warn("tls.reload-failed", {
        certFile: this.#files.certFile,
        error: error instanceof Error ? error.message : String(error),
      });
      return false;
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

function contextOf(material: TlsMaterial) {
  return {
    cert: material.cert,
    key: material.key,
    ...(material.ca === undefined ? {} : { ca: material.ca }),
  };
}

async function readMaterial(files: TlsFiles): Promise<TlsMaterial> {
  const [cert, key, ca] = await Promise.all([
    readFile(files.certFile),
    readFile(files.keyFile),
    files.caFile === undefined ? undefined : readFile(files.caFile),
  ]);
  return { cert, key, ca };
}

function hashOf(material: TlsMaterial): string {
  const hash = createHash("sha256");
  for (const part of [material.cert, material.key, material.ca ?? Buffer.alloc(0)]) {
    hash.update(`${part.length}:`).update(part);
  }
  return hash.digest("hex");
}
