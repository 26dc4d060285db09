/** `fpzk nodes`: the servers of the cluster. */
import type { ConfigureCommand } from "../command.js";
import { hasColor } from "../io.js";
import { listOf, type NodeJson } from "../rest/answers.js";
import { addClientOptions, clientSettings, withTargets } from "../rest/client-options.js";
import { exchangeJson } from "../rest/request.js";
import { ANSWER_TIMEOUT_MS } from "../rest/timeouts.js";
import { type Color, formatTable } from "../text-table.js";

const STATUS_COLORS: Readonly<Record<string, Color>> = {
  alive: "green",
  suspect: "yellow",
  unreachable: "yellow",
  dead: "red",
  left: "dim",
};

export const configure: ConfigureCommand = (command, io) => {
  addClientOptions(command)
    .option("--json", "one JSON document")
    .addHelpText(
      "after",
      `
The status is what the asked server thinks: another one may see it differently.

Examples:
  fpzk nodes
  fpzk nodes --server ap-1.example.net:7100 --json
`,
    )
    .action(async (options: { json?: boolean }) => {
      const answer = await withTargets(clientSettings(command, io), (target) =>
        exchangeJson(target, { method: "GET", path: "/v1/nodes", timeoutMs: ANSWER_TIMEOUT_MS }),
      );
      const nodes = listOf<NodeJson>(answer, "nodes");
      if (options.json) {
        io.stdout.write(`${JSON.stringify(answer)}\n`);
        return;
      }
      const table = formatTable(
        nodes,
        [
          { title: "NODE", text: (row) => row.nodeId },
          { title: "REGION", text: (row) => row.region },
          { title: "ZONE", text: (row) => row.zone || "-" },
          { title: "ADDRESS", text: (row) => row.address },
          { title: "STATUS", text: (row) => row.status, color: (row) => STATUS_COLORS[row.status] },
        ],
        hasColor(io, io.stdout),
      );
      io.stdout.write(table);
    });
};
