/** Settings of a command: its flags, the environment and its file. */
import { type Command, Option } from "commander";
import type { z } from "zod";
import { CliError } from "../cli-error.js";
import { ExitCode } from "../exit-code.js";
import type { Io } from "../io.js";
import { CONFIG_FILE_MAX_BYTES } from "./config-file.js";
import { type Field, listFields } from "./field-list.js";
import { formatMistake } from "./mistake.js";
import { parseConfig } from "./parse-config.js";
import type { ConfigKind } from "./relation.js";

export interface LoadedConfig<T> {
  readonly config: T;
  readonly sources: ReadonlyMap<string, string>;
}

/** Adds `--config` and one flag for each setting. */
export function addConfigFlags(command: Command, kind: ConfigKind): void {
  command.option("-c, --config <file>", "YAML file of settings (also FPZK_CONFIG)");
  for (const field of listFields(kind.schema, kind.environmentPrefix)) {
    if (field.flagName === undefined) continue;
    command.addOption(toOption(field));
  }
}

/** Reads all sources; throws one error that names every mistake. */
export function loadConfig<S extends z.ZodObject>(
  kind: ConfigKind<S>,
  command: Command,
  io: Io,
): LoadedConfig<z.output<S>> {
  const options: Record<string, unknown> = command.opts();
  const flags = new Map<string, string | readonly string[] | boolean>();
  for (const field of listFields(kind.schema, kind.environmentPrefix)) {
    if (field.flagName === undefined) continue;
    const value = options[optionKey(field)];
    if (isFlagValue(value)) flags.set(field.flagName, value);
  }
  const path = (options["config"] as string | undefined) ?? io.environment["FPZK_CONFIG"];
  const file =
    path === undefined || path === ""
      ? undefined
      : { name: path, text: io.readFile(path, CONFIG_FILE_MAX_BYTES) };
  const parsed = parseConfig(kind, { file, environment: io.environment, flags });
  if (parsed.isGood) return parsed;
  const { mistakes } = parsed;
  const count = mistakes.length === 1 ? "1 mistake" : `${mistakes.length} mistakes`;
  throw new CliError(
    ExitCode.usage,
    [`${count} in the settings:`, ...mistakes.map((one) => `  ${formatMistake(one)}`)].join("\n"),
  );
}

function toOption(field: Field): Option {
  const about = field.about.replaceAll("`", "");
  const option = new Option(`${field.flagName}${placeholder(field)}`, about);
  if (field.kind === "list" || field.kind === "map") {
    option.argParser((text: string, before: string[] | undefined) => [...(before ?? []), text]);
  }
  return option;
}

function placeholder(field: Field): string {
  switch (field.kind) {
    case "boolean":
      return "";
    case "integer":
    case "number":
      return " <n>";
    case "list":
      return " <a,b>";
    case "map":
      return " <a=b,c=d>";
    default:
      return field.kind === "duration" ? " <duration>" : " <text>";
  }
}

/** Commander's name for an option: `clusterSessionTtl`. */
function optionKey(field: Field): string {
  return new Option(field.flagName ?? "").attributeName();
}

function isFlagValue(value: unknown): value is string | readonly string[] | boolean {
  return typeof value === "string" || typeof value === "boolean" || Array.isArray(value);
}
