/** Serves the page on a loopback port, for those who would rather click a link than a file. */
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { buildPage, SITE_FOLDER } from "./build-page.js";

/** Taken when it is free. */
export const SIMULATOR_PORT = 7190;

export interface PageServer {
  readonly url: string;
  close(): Promise<void>;
}

/** The only files there are, with their types. */
const FILES: Readonly<Record<string, readonly [file: string, type: string]>> = {
  "/": ["index.html", "text/html; charset=utf-8"],
  "/index.html": ["index.html", "text/html; charset=utf-8"],
  "/simulator.js": ["simulator.js", "text/javascript; charset=utf-8"],
  "/simulator.css": ["simulator.css", "text/css; charset=utf-8"],
};

/**
 * Listens on a port of its own; builds the page when it is first asked for.
 *
 * @param preferredPort - Taken when it is free; else, or when 0, the system chooses.
 */
export async function servePage(preferredPort = 0): Promise<PageServer> {
  let built: Promise<void> | undefined;
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://page").pathname;
    const entry = request.method === "GET" || request.method === "HEAD" ? FILES[path] : undefined;
    if (entry === undefined) {
      response.writeHead(404, { "content-type": "text/plain" }).end("not here\n");
      return;
    }
    built ??= buildPage();
    built.then(
      async () => {
        const [file, type] = entry;
        const body = await readFile(join(SITE_FOLDER, file));
        response.writeHead(200, {
          "content-type": type,
          "cache-control": "no-store",
          "x-content-type-options": "nosniff",
        });
        response.end(request.method === "HEAD" ? undefined : body);
      },
      (error: unknown) => {
        built = undefined;
        response.writeHead(500, { "content-type": "text/plain" }).end(`cannot build: ${error}\n`);
      },
    );
  });
  const port = await listen(server, preferredPort).catch(() => listen(server, 0));
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
