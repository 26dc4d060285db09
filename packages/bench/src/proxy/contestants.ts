/** Who is measured beside FPZKProxy, and how each is set up: one core, kept connections, no log. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort, hasProgram, type Program, startProgram } from "./programs.js";

export interface ContestantPlan {
  /** Of HTTP/1.1. */
  readonly originPort: number;
  /** Of HTTP/2 in clear. */
  readonly originHttp2Port: number;
  /** Of the registry, for FPZKProxy. */
  readonly registry: string;
  readonly service: string;
  /** What its callers speak; one process serves callers of one kind. */
  readonly speaks: "http1" | "http2";
  readonly isTls: boolean;
  /** Where configurations, `cert.pem`, `key.pem` and `both.pem` are. */
  readonly directory: string;
  readonly execArgv: readonly string[];
}

export interface Contestant {
  readonly name: string;
  readonly servesTls: boolean;
  readonly servesHttp2: boolean;
  /** So that it must be warm before it is measured. */
  readonly isCompiledAsItRuns: boolean;
  /** Whether it can be run here. */
  isThere(mayInstall: boolean): boolean;
  start(plan: ContestantPlan): Promise<Program>;
}

const CONNECTION_COUNT = 4_096;
/** Connections kept to the origin. */
const KEPT_COUNT = 1_024;
const NGINX_KEPT = `keepalive ${KEPT_COUNT}; keepalive_requests 1000000000;`;

function scripted(name: string, serves: Pick<Contestant, "servesTls" | "servesHttp2">): Contestant {
  return {
    name,
    ...serves,
    isCompiledAsItRuns: true,
    isThere: () => true,
    async start(plan) {
      const port = await freePort();
      const script = fileURLToPath(new URL("./node-contestant.js", import.meta.url));
      const settings = JSON.stringify({ ...plan, kind: name, port });
      const execArgv = name === "fpzk" ? plan.execArgv : [];
      return startProgram([process.execPath, ...execArgv, script, settings], port, "measured");
    },
  };
}

function configured(
  name: string,
  configure: (plan: ContestantPlan, port: number) => string,
  commandOf: (path: string, directory: string) => [string, ...string[]],
): Contestant {
  return {
    name,
    servesTls: true,
    servesHttp2: true,
    isCompiledAsItRuns: false,
    isThere: (mayInstall) => hasProgram(name, mayInstall),
    async start(plan) {
      const port = await freePort();
      const directory = join(plan.directory, `${name}-${port}`);
      mkdirSync(directory);
      const path = join(directory, "config");
      writeFileSync(path, configure({ ...plan }, port));
      return startProgram(commandOf(path, directory), port, "measured");
    },
  };
}

const nginx = configured(
  "nginx",
  ({ originPort, originHttp2Port, speaks, isTls, directory }, port) => `
daemon off; worker_processes 1; pid ${directory}/nginx-${port}.pid; error_log stderr crit;
events { worker_connections ${CONNECTION_COUNT * 4}; }
http {
  access_log off; keepalive_requests 1000000000; tcp_nodelay on;
  client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/f; uwsgi_temp_path ${directory}/u; scgi_temp_path ${directory}/s;
  upstream origin { server 127.0.0.1:${originPort}; ${NGINX_KEPT} }
  upstream callee { server 127.0.0.1:${originHttp2Port}; ${NGINX_KEPT} }
  server {
    listen 127.0.0.1:${port} ${isTls ? "ssl" : ""} ${speaks === "http2" ? "http2" : ""} backlog=4096;
    ${isTls ? `ssl_certificate ${directory}/cert.pem; ssl_certificate_key ${directory}/key.pem;` : ""}
    location / {
      proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $remote_addr; proxy_max_temp_file_size 0;
    }
    location /bench.Echo/ {
      grpc_pass grpc://callee; grpc_set_header X-Forwarded-For $remote_addr;
    }
  }
}`,
  (path, directory) => ["nginx", "-p", directory, "-c", path],
);

const haproxy = configured(
  "haproxy",
  ({ originPort, originHttp2Port, speaks, isTls, directory }, port) => `
global
  nbthread 1
  maxconn ${CONNECTION_COUNT * 2}
defaults
  mode http
  option forwardfor
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend callers
  bind 127.0.0.1:${port} ${haproxySpeaks({ speaks, isTls, directory })}
  use_backend callee if { path_beg /bench.Echo/ }
  default_backend origin
backend origin
  server one 127.0.0.1:${originPort} pool-max-conn ${KEPT_COUNT}
backend callee
  server one 127.0.0.1:${originHttp2Port} proto h2 pool-max-conn ${KEPT_COUNT}
`,
  (path) => ["haproxy", "-db", "-f", path],
);

function haproxySpeaks(plan: Pick<ContestantPlan, "speaks" | "isTls" | "directory">): string {
  const { speaks, isTls, directory } = plan;
  if (!isTls) return speaks === "http2" ? "proto h2" : "";
  return `ssl crt ${directory}/both.pem alpn ${speaks === "http2" ? "h2" : "http/1.1"}`;
}

const caddy = configured(
  "caddy",
  ({ originPort, originHttp2Port, speaks, isTls, directory }, port) => `
{
  admin off
  auto_https disable_redirects
  servers {
    protocols ${speaks === "http2" ? "h1 h2 h2c" : "h1"}
  }
}
${isTls ? "https" : "http"}://127.0.0.1:${port} {
  ${isTls ? `tls ${directory}/cert.pem ${directory}/key.pem` : ""}
  handle /bench.Echo/* {
    reverse_proxy h2c://127.0.0.1:${originHttp2Port}
  }
  handle {
    reverse_proxy 127.0.0.1:${originPort} {
      transport http {
        keepalive_idle_conns_per_host ${KEPT_COUNT}
      }
    }
  }
}
`,
  (path, directory) => [
    ...(["env", "GOMAXPROCS=1", `HOME=${directory}`] as const),
    ...["caddy", "run", "--adapter", "caddyfile", "--config", path],
  ],
);

/** In the order of the table. */
export const CONTESTANTS: readonly Contestant[] = [
  scripted("fpzk", { servesTls: true, servesHttp2: true }),
  nginx,
  haproxy,
  caddy,
  scripted("http-proxy", { servesTls: true, servesHttp2: false }),
  scripted("reply-from", { servesTls: true, servesHttp2: false }),
  scripted("relay", { servesTls: false, servesHttp2: true }),
];
