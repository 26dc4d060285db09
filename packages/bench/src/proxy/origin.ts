/** The one upstream of all: nginx where it is there, for it must not be what is measured. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { GRPC_MESSAGE } from "./grpc-call.js";
import { freePort, hasProgram, type Program, startProgram } from "./programs.js";

export const SMALL_BYTES = 1_024;
export const LARGE_BYTES = 1_048_576;

export interface Origin extends Program {
  /** For HTTP/2 in clear: gRPC, and the same bodies. {@link Program.port} speaks HTTP/1.1. */
  readonly http2Port: number;
  readonly madeBy: string;
}

export async function startOrigin(directory: string, mayInstall: boolean): Promise<Origin> {
  const port = await freePort();
  const http2Port = await freePort();
  if (!hasProgram("nginx", mayInstall)) {
    const script = fileURLToPath(new URL("./node-contestant.js", import.meta.url));
    const settings = JSON.stringify({ kind: "origin", port, http2Port });
    const program = await startProgram([process.execPath, script, settings], port, "beside");
    return { ...program, http2Port, madeBy: "Node.js" };
  }
  const root = join(directory, "origin");
  mkdirSync(join(root, "files"), { recursive: true });
  writeFileSync(join(root, "files", "small"), Buffer.alloc(SMALL_BYTES, "x"));
  writeFileSync(join(root, "files", "large"), Buffer.alloc(LARGE_BYTES, "x"));
  writeFileSync(join(root, "files", "message"), GRPC_MESSAGE);
  for (const path of [root, join(root, "files")]) chmodSync(path, 0o755);
  const path = join(root, "config");
  writeFileSync(path, configuration(root, port, http2Port));
  const program = await startProgram(["nginx", "-p", root, "-c", path], port, "beside");
  return { ...program, http2Port, madeBy: "nginx" };
}

/** Nginx answers a POST of no file with another file: so it makes the answers of gRPC. */
function configuration(root: string, port: number, http2Port: number): string {
  const small = `location = /small { return 200 "${"x".repeat(SMALL_BYTES)}"; }`;
  return `
daemon off; worker_processes 1; pid ${root}/nginx.pid; error_log stderr crit;
events { worker_connections 16384; }
http {
  access_log off; keepalive_requests 1000000000; tcp_nodelay on; sendfile on; etag off;
  http2_max_concurrent_streams 1024; open_file_cache max=8; open_file_cache_valid 1h;
  log_not_found off;
  client_body_temp_path ${root}/body; proxy_temp_path ${root}/proxy;
  fastcgi_temp_path ${root}/f; uwsgi_temp_path ${root}/u; scgi_temp_path ${root}/s;
  default_type text/plain; root ${root}/files;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    ${small}
  }
  server {
    listen 127.0.0.1:${http2Port} http2 backlog=4096;
    ${small}
    location /bench.Echo/ { error_page 404 405 =200 /message; }
    location = /message { default_type application/grpc; add_trailer grpc-status 0; }
  }
}`;
}
