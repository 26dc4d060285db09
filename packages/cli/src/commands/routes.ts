/** `fpzk routes apply|list|show|delete`: routes that every proxy of a namespace follows. */
import { type Route, routeIdentity } from "@fpzk/core";
import type { Command } from "commander";
import type { ConfigureCommand } from "../command.js";
import { readRouteSetFile } from "../config/route-set-config.js";
import { hasColor, type Io } from "../io.js";
import { listOf } from "../rest/answers.js";
import { addClientOptions, clientSettings, withTargets } from "../rest/client-options.js";
import { type Exchange, exchangeJson } from "../rest/request.js";
import { ANSWER_TIMEOUT_MS } from "../rest/timeouts.js";
import { formatTable, printable } from "../text-table.js";

const FILE_MAX_BYTES = 1024 * 1024;

interface RouteSetJson {
  readonly name: string;
  readonly writtenBy: string;
  readonly routes: readonly Route[];
  readonly note?: string;
  readonly fault?: string;
}

export const configure: ConfigureCommand = (command, io) => {
  command.addHelpText(
    "after",
    `
Proxies with the setting registry.routes follow a change at once, in every region.

Examples:
  fpzk routes apply web.yaml               write a route set, new or in place of what there was
  fpzk routes list                         all route sets
  fpzk routes show web                     one of them, as JSON
  fpzk routes delete web
`,
  );
  addApply(command, io);
  addList(command, io);
  addShow(command, io);
  addDelete(command, io);
};

function addApply(parent: Command, io: Io): void {
  const command = addClientOptions(parent.command("apply"))
    .description("write a route set from a YAML file")
    .argument("<file>", "name, routes and perhaps a note, as in docs/proxy.md")
    .option("--json", "one JSON document")
    .action(async (file: string, { json }: { json?: boolean }) => {
      const { name, note, routes } = readRouteSetFile(file, io.readFile(file, FILE_MAX_BYTES));
      const body = { routes, ...(note === undefined ? {} : { note }) };
      const answer = await ask(command, io, { method: "PUT", body }, name);
      if (json) io.stdout.write(`${JSON.stringify(answer)}\n`);
      else io.stdout.write(`${printable(name)} is written: ${routes.length} routes\n`);
    });
}

function addList(parent: Command, io: Io): void {
  const command = addClientOptions(parent.command("list"))
    .description("list the route sets of a namespace")
    .option("--json", "one JSON document")
    .action(async ({ json }: { json?: boolean }) => {
      const answer = await ask(command, io, { method: "GET" });
      const routeSets = listOf<RouteSetJson>(answer, "routeSets");
      if (json) {
        io.stdout.write(`${JSON.stringify(answer)}\n`);
      } else if (routeSets.length === 0) {
        const { namespace } = clientSettings(command, io);
        io.stderr.write(`there are no route sets in namespace ${namespace}\n`);
      } else {
        io.stdout.write(toTable(routeSets, hasColor(io, io.stdout)));
      }
    });
}

function addShow(parent: Command, io: Io): void {
  const command = addClientOptions(parent.command("show"))
    .description("show a route set as JSON")
    .argument("<name>", "as fpzk routes list shows it")
    .action(async (name: string) => {
      const answer = await ask(command, io, { method: "GET" }, name);
      io.stdout.write(`${JSON.stringify(answer, undefined, 2)}\n`);
    });
}

function addDelete(parent: Command, io: Io): void {
  const command = addClientOptions(parent.command("delete"))
    .description("delete a route set")
    .argument("<name>", "as fpzk routes list shows it")
    .action(async (name: string) => {
      await ask(command, io, { method: "DELETE" }, name);
      io.stdout.write(`${printable(name)} is deleted\n`);
    });
}

function ask(
  command: Command,
  io: Io,
  wanted: Pick<Exchange, "method" | "body">,
  name?: string,
): Promise<unknown> {
  const settings = clientSettings(command, io);
  const rest = name === undefined ? "" : `/${encodeURIComponent(name)}`;
  const path = `/v1/namespaces/${encodeURIComponent(settings.namespace)}/route-sets${rest}`;
  return withTargets(settings, (target) =>
    exchangeJson(target, { ...wanted, path, timeoutMs: ANSWER_TIMEOUT_MS }),
  );
}

/** One line a route; of a set that the server cannot read, why. */
function toTable(routeSets: readonly RouteSetJson[], isColored: boolean): string {
  const rows = routeSets.flatMap(({ name, routes, fault, note = "" }) =>
    fault === undefined
      ? routes.map((route) => ({ name, takes: routeIdentity(route), goes: goalOf(route), note }))
      : [{ name, takes: "cannot be read", goes: fault, note }],
  );
  return formatTable(
    rows,
    [
      { title: "SET", text: (row) => row.name },
      { title: "TAKES", text: (row) => row.takes },
      { title: "GOES TO", text: (row) => row.goes },
      { title: "NOTE", text: (row) => row.note },
    ],
    isColored,
  );
}

function goalOf({ service, split, mirror }: Route): string {
  const shares = (split ?? []).map(({ service: name, weight, filter }) => {
    const version = filter?.version === undefined ? "" : ` ${filter.version}`;
    return `${name}${version}:${weight}`;
  });
  const goal = service ?? shares.join(", ");
  return mirror === undefined ? goal : `${goal}, copy to ${mirror.service}`;
}
