/** `fpzk config`: checks settings, shows what is in force, and prints the page about them. */
import type { ConfigureCommand } from "../command.js";
import { configurationPage } from "../config/config-docs.js";
import { CONFIG_KINDS } from "../config/config-kinds.js";
import { formatDurationMs } from "../config/duration.js";
import { type Field, listFields } from "../config/field-list.js";
import { addConfigFlags, loadConfig } from "../config/load-config.js";
import { readSecretFiles } from "../config/secret-file.js";
import { serverConfigKind } from "../config/server-config.js";
import { hasColor } from "../io.js";
import { formatTable } from "../text-table.js";

interface Row {
  readonly field: Field;
  readonly value: unknown;
  readonly source: string;
}

export const configure: ConfigureCommand = (command, io) => {
  addConfigFlags(command, serverConfigKind);
  command
    .option("--json", "one JSON document")
    .option("--docs", "print docs/configuration.md")
    .addHelpText(
      "after",
      `
Examples:
  fpzk config -c us.yaml                   check a file, show every setting and its source
  FPZK_PORT=7200 fpzk config --json        the same for programs
  fpzk config --docs > docs/configuration.md
`,
    )
    .action((options: { json?: boolean; docs?: boolean }) => {
      if (options.docs) {
        io.stdout.write(configurationPage(CONFIG_KINDS));
        return;
      }
      const { config, sources } = loadConfig(serverConfigKind, command, io);
      readSecretFiles(config, io);
      const rows = listFields(serverConfigKind.schema, "FPZK_").map((field) => ({
        field,
        value: valueAt(config, field.path),
        source: sources.get(field.path) ?? "default",
      }));
      if (options.json) {
        io.stdout.write(`${JSON.stringify(Object.fromEntries(rows.map(toJson)), undefined, 2)}\n`);
        return;
      }
      const table = formatTable<Row>(
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
        hasColor(io, io.stdout),
      );
      io.stdout.write(table);
    });
};

function toJson(row: Row): [string, { value: unknown; source: string }] {
  const value = row.field.isSecret && row.value !== undefined ? "(hidden)" : row.value;
  return [row.field.path, { value: value ?? null, source: row.source }];
}

function valueText({ field, value }: Row): string {
  if (value === undefined) return "-";
  if (Array.isArray(value) && value.length === 0) return "-";
  if (field.isSecret) return "(hidden)";
  if (field.kind === "duration" && typeof value === "number") return formatDurationMs(value);
  return typeof value === "string" && value !== "" ? value : JSON.stringify(value);
}

function valueAt(config: object, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], config);
}
