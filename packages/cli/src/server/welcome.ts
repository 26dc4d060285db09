/** The few lines that greet a person who started a server. */
import type { ServerConfig } from "../config/server-config.js";
import { paint } from "../text-table.js";

export interface Welcome {
  readonly nodeIds: readonly string[];
  /** `host:port` as bound. */
  readonly address: string;
  readonly config: ServerConfig;
  readonly asksForTokens: boolean;
  readonly isColored: boolean;
}

export function welcomeText(welcome: Welcome): string {
  const { config, address, isColored, nodeIds } = welcome;
  const url = `${config.tls.certFile === undefined ? "http" : "https"}://${address}`;
  const who = nodeIds.length === 1 ? `node ${nodeIds[0]}` : `${nodeIds.length} nodes`;
  const place = config.zone === "" ? config.region : `${config.region}/${config.zone}`;
  const secret = welcome.asksForTokens ? ' -H "Authorization: Bearer $FPZK_TOKEN"' : "";
  const instance = `${url}/v1/services/hello/instances/a`;
  const endpoints = '{"endpoints":[{"host":"127.0.0.1","port":8080}]}';
  const lines = [
    paint(`FPZKServer is ready at ${url}`, isColored ? "green" : undefined),
    `  cluster ${config.cluster.name}, region ${place}, ${who}${memoryHint(config)}`,
    "",
    "  register   fpzk register --service hello --port 8080 -- python3 -m http.server 8080",
    `  or         curl -X PUT${secret} -H 'content-type: application/json' \\`,
    `               -d '${endpoints}' ${instance}`,
    `  look       fpzk instances hello`,
    `  or         curl${secret} ${url}/v1/services/hello`,
    "  stop       Ctrl-C",
    "",
  ];
  return `${lines.join("\n")}\n`;
}

function memoryHint(config: ServerConfig): string {
  return config.dataDirectory === undefined
    ? ", state in memory"
    : `, state in ${config.dataDirectory}`;
}
