/** `fpzk forget-node NODE...`: an operator's word that servers are gone for good. */
import type { ConfigureCommand } from "../command.js";
import { addClientOptions, clientSettings, withTargets } from "../rest/client-options.js";
import { exchangeJson } from "../rest/request.js";
import { ANSWER_TIMEOUT_MS } from "../rest/timeouts.js";
import { printable } from "../text-table.js";

export const configure: ConfigureCommand = (command, io) => {
  addClientOptions(command)
    .argument("<node...>", "names of servers, as fpzk nodes shows them")
    .addHelpText(
      "after",
      `
For a server that is dead or unreachable and will not come back: its host is lost, or was given up.
Without this word drains wait for it and name it, for a day, and removals may be held back for
15 min. Refused for one that is alive, as the asked server sees it. One that comes back all the
same is taken in again; but while it was only cut off, its clients may pick what others have drained.

Examples:
  fpzk nodes | grep unreachable
  fpzk forget-node us-3 us-4
`,
    )
    .action(async (nodeIds: readonly string[]) => {
      const settings = clientSettings(command, io);
      for (const nodeId of nodeIds) {
        const path = `/v1/nodes/${encodeURIComponent(nodeId)}`;
        await withTargets(settings, (target) =>
          exchangeJson(target, { method: "DELETE", path, timeoutMs: ANSWER_TIMEOUT_MS }),
        );
        io.stdout.write(`${printable(nodeId)} is forgotten\n`);
      }
    });
};
