/** The one upstream of all: nginx where it is there, for it must not be what is measured. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort, hasProgram, type Program, startProgram } from "./programs.js";

export const SMALL_BYTES = 1_024;
export const LARGE_BYTES = 1_048_576;

export interface Origin extends Program {
  readonly madeBy: string;
}

export async function startOrigin(directory: string, mayInstall: boolean): Promise<Origin> {
  const port = await freePort();
  if (!hasProgram("nginx", mayInstall)) {
    const script = fileURLToPath(new URL("./node-contestant.js", import.meta.url));
    const settings = JSON.stringify({ kind: "origin", port });
    const program = await startProgram([process.execPath, script, settings], port, "beside");
    return { ...program, madeBy: "node:net" };
  }
  const root = join(directory, "origin");
  mkdirSync(join(root, "files"), { recursive: true });
  writeFileSync(join(root, "files", "large"), Buffer.alloc(LARGE_BYTES, "x"));
  const path = join(root, "config");
  writeFileSync(path, configuration(root, port));
  const program = await startProgram(["nginx", "-p", root, "-c", path], port, "beside");
  return { ...program, madeBy: "nginx" };
}

function configuration(root: string, port: number): string {
  return `
daemon off; worker_processes 1; pid ${root}/nginx.pid; error_log stderr crit;
events { worker_connections 16384; }
http {
  access_log off; keepalive_requests 1000000000; tcp_nodelay on; sendfile on; etag off;
  client_body_temp_path ${root}/body; proxy_temp_path ${root}/proxy;
  fastcgi_temp_path ${root}/f; uwsgi_temp_path ${root}/u; scgi_temp_path ${root}/s;
  default_type text/plain;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = /small { return 200 "${"x".repeat(SMALL_BYTES)}"; }
    location / { root ${root}/files; }
  }
}`;
}
