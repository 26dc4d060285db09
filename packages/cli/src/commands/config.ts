/** `fpzk config`: checks settings, shows what is in force, and prints the page about them. */
import type { Command } from "commander";
import type { z } from "zod";
import type { ConfigureCommand } from "../command.js";
import { configurationPage } from "../config/config-docs.js";
import { CONFIG_KINDS } from "../config/config-kinds.js";
import { formatDurationMs } from "../config/duration.js";
import { type Field, listFields } from "../config/field-list.js";
import { addConfigFlags, loadConfig } from "../config/load-config.js";
import { proxyConfigKind } from "../config/proxy-config.js";
import type { ConfigKind } from "../config/relation.js";
import { readSecretFiles } from "../config/secret-file.js";
import { serverConfigKind } from "../config/server-config.js";
import { hasColor, type Io } from "../io.js";
import { readPemFiles } from "../proxy/proxy-parts.js";
import { formatTable } from "../text-table.js";

interface Row {
  readonly field: Field;
  readonly value: unknown;
  readonly source: string;
}

export const configure: ConfigureCommand = (command, io) => {
  command.addHelpText(
    "after",
    `
Examples:
  fpzk config -c us.yaml                   check a server's file, show every setting and its source
  fpzk config proxy -c proxy.yaml          the same for a proxy
  FPZK_PORT=7200 fpzk config --json        the same for programs
  fpzk config --docs > docs/configuration.md
`,
  );
  addKind(command, io, serverConfigKind, readSecretFiles);
  addKind(command, io, proxyConfigKind, readPemFiles);
};

function addKind<S extends z.ZodObject>(
  parent: Command,
  io: Io,
  kind: ConfigKind<S>,
  readFiles: (config: z.output<S>, io: Io) => unknown,
): void {
  const command = parent.command(kind.name, { isDefault: kind.name === "server" });
  command.description(`check the settings of fpzk ${kind.name} and show what is in force`);
  addConfigFlags(command, kind);
  command
    .option("--json", "one JSON document")
    .option("--docs", "print docs/configuration.md")
    .action((options: { json?: boolean; docs?: boolean }) => {
      if (options.docs) {
        io.stdout.write(configurationPage(CONFIG_KINDS));
        return;
      }
      const { config, sources } = loadConfig(kind, command, io);
      readFiles(config, io);
      const rows = listFields(kind.schema, kind.environmentPrefix).map((field) => ({
        field,
        value: valueAt(config, field.path),
        source: sources.get(field.path) ?? "default",
      }));
      io.stdout.write(options.json ? toJsonText(rows) : toTable(rows, hasColor(io, io.stdout)));
    });
}

function toJsonText(rows: readonly Row[]): string {
  return `${JSON.stringify(Object.fromEntries(rows.map(toJson)), undefined, 2)}\n`;
}

function toTable(rows: readonly Row[], isColored: boolean): string {
  return formatTable<Row>(
    rows,
    [
      { title: "SETTING", text: (row) => row.field.path },
      { title: "VALUE", text: valueText },
      {
        title: "FROM",
        text: (row) => row.source,
        color: (row) => (row.source === "default" ? "dim" : undefined),
      },
    ],
    isColored,
  );
}

function toJson(row: Row): [string, { value: unknown; source: string }] {
  const value = row.field.isSecret && row.value !== undefined ? "(hidden)" : row.value;
  return [row.field.path, { value: value ?? null, source: row.source }];
}

function valueText({ field, value }: Row): string {
  if (value === undefined) return "-";
  if (Array.isArray(value) && value.length === 0) return "-";
  if (field.kind === "structure" && Array.isArray(value)) return `${value.length} entries`;
  if (field.isSecret && field.kind !== "structure") return "(hidden)";
  if (field.kind === "duration" && typeof value === "number") return formatDurationMs(value);
  return typeof value === "string" && value !== "" ? value : JSON.stringify(value);
}

function valueAt(config: object, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], config);
}
