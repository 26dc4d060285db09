/** `fpzk instances SERVICE`: what one server holds of a service. */

import { CliError } from "../cli-error.js";
import type { ConfigureCommand } from "../command.js";
import { ExitCode } from "../exit-code.js";
import { hasColor } from "../io.js";
import { type InstanceJson, listOf } from "../rest/answers.js";
import {
  addClientOptions,
  clientSettings,
  servicePath,
  withTargets,
} from "../rest/client-options.js";
import { instanceColumns } from "../rest/instance-table.js";
import { exchangeJson } from "../rest/request.js";
import { ANSWER_TIMEOUT_MS } from "../rest/timeouts.js";
import { formatTable } from "../text-table.js";

export const configure: ConfigureCommand = (command, io) => {
  addClientOptions(command)
    .argument("<service>", "name of the service")
    .option("--json", "one JSON document")
    .addHelpText(
      "after",
      `
Ends with 3 when the service has no instances.

Examples:
  fpzk instances hello
  fpzk instances hello --json | jq -r '.instances[] | select(.state == "up") | .id'
`,
    )
    .action(async (service: string, options: { json?: boolean }) => {
      const settings = clientSettings(command, io);
      const path = servicePath(settings.namespace, service);
      const answer = await withTargets(settings, (target) =>
        exchangeJson(target, { method: "GET", path, timeoutMs: ANSWER_TIMEOUT_MS }),
      );
      const instances = listOf<InstanceJson>(answer, "instances");
      if (options.json) io.stdout.write(`${JSON.stringify(answer)}\n`);
      if (instances.length === 0) {
        const where = `namespace ${settings.namespace}`;
        throw new CliError(ExitCode.notFound, `service ${service} has no instances in ${where}`);
      }
      if (options.json) return;
      io.stdout.write(formatTable(instances, instanceColumns(), hasColor(io, io.stdout)));
    });
};
