/** `fpzk services`: the services of a namespace. */
import type { ConfigureCommand } from "../command.js";
import { hasColor } from "../io.js";
import { listOf, type ServiceJson } from "../rest/answers.js";
import {
  addClientOptions,
  clientSettings,
  servicePath,
  withTargets,
} from "../rest/client-options.js";
import { exchangeJson, type Target } from "../rest/request.js";
import { ANSWER_TIMEOUT_MS } from "../rest/timeouts.js";
import { formatTable } from "../text-table.js";

/** Pages of one list: far above the services that a namespace may have. */
const PAGE_COUNT_MAX = 1_000;

export const configure: ConfigureCommand = (command, io) => {
  addClientOptions(command)
    .option("--json", "one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  fpzk services
  fpzk services --namespace shop --server eu-1.example.net:7100
  fpzk services --json | jq -r '.services[].service'
`,
    )
    .action(async (options: { json?: boolean }) => {
      const settings = clientSettings(command, io);
      const { namespace } = settings;
      const services = await withTargets(settings, (target) => listAll(target, namespace));
      if (options.json) {
        io.stdout.write(`${JSON.stringify({ namespace, services })}\n`);
      } else if (services.length === 0) {
        io.stderr.write(`there are no services in namespace ${namespace}\n`);
      } else {
        io.stdout.write(toTable(services, hasColor(io, io.stdout)));
      }
    });
};

async function listAll(target: Target, namespace: string): Promise<readonly ServiceJson[]> {
  const services: ServiceJson[] = [];
  let after: string | undefined;
  for (let page = 0; page < PAGE_COUNT_MAX; page += 1) {
    const query = after === undefined ? "" : `?after=${encodeURIComponent(after)}`;
    const path = servicePath(namespace) + query;
    const answer = await exchangeJson(target, {
      method: "GET",
      path,
      timeoutMs: ANSWER_TIMEOUT_MS,
    });
    services.push(...listOf<ServiceJson>(answer, "services"));
    const { next } = answer as { next?: unknown };
    if (typeof next !== "string" || next === after) break;
    after = next;
  }
  return services;
}

function toTable(services: readonly ServiceJson[], isColored: boolean): string {
  return formatTable(
    services,
    [
      { title: "SERVICE", text: (row) => row.service },
      { title: "INSTANCES", text: (row) => String(row.instanceCount), isNumber: true },
      {
        title: "UP",
        text: (row) => String(row.upCount),
        isNumber: true,
        color: (row) =>
          row.upCount === 0 ? "red" : row.upCount < row.instanceCount ? "yellow" : "green",
      },
    ],
    isColored,
  );
}
