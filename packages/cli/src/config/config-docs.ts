/** `docs/configuration.md`, made from the schemas so that it cannot say anything else. */
import { type Field, listEntryFields, listFields } from "./field-list.js";
import type { ConfigKind } from "./relation.js";

/** The whole page. */
export function configurationPage(kinds: readonly ConfigKind[]): string {
  return `${HEAD}\n${kinds.map(section).join("\n")}`;
}

const HEAD = `# Configuration

<!-- Made by \`fpzk config --docs\` from the schemas; a test compares. Change the schemas, not this page. -->

A setting comes from a flag, an environment variable or a YAML file (\`--config FILE\` or
\`FPZK_CONFIG\`); the flag wins over the variable, the variable over the file. An empty variable
counts as unset.

- **Durations** are written \`500ms\`, \`3s\`, \`15m\`, \`1h\`, \`7d\`, or as a number of milliseconds.
- **Lists** are YAML lists; in flags and variables they have commas between. A flag for a list may be given several times.
- **Sections** (\`cluster.sessionTtl\`) are YAML sections; in flags and variables their name is a prefix.
- **Nothing is guessed.** An unknown setting, a wrong value and settings that do not fit together are refused with exit code 2, all of them at once, each with its place, its value and what is allowed.
- \`fpzk config -c FILE\` (\`fpzk config proxy -c FILE\`) checks a file and shows what would be in force, and where from.
- Flags can be read by others on the machine (\`ps\`). Give secrets by variable or file.
- Variables that Kubernetes writes for a service named \`fpzk\` (\`FPZK_PORT=tcp://…\`, \`FPZK_SERVICE_HOST\`) are ignored.
`;

function section(kind: ConfigKind): string {
  const fields = listFields(kind.schema, kind.environmentPrefix);
  const relations = kind.relations.map(({ paths: [path], rule }) => `- \`${path}\`: ${rule}.`);
  return [
    `## \`fpzk ${kind.name}\``,
    "",
    "| setting | flag | variable | default | what it does; what is allowed |",
    "|---|---|---|---|---|",
    ...fields.flatMap(withEntries).map(tableLine),
    "",
    ...(relations.length === 0 ? [] : ["These settings must fit together:", "", ...relations, ""]),
  ].join("\n");
}

/** A field and, below it, what each entry of its list holds. Depth is that of our own schemas. */
function withEntries(field: Field): readonly Field[] {
  return [field, ...listEntryFields(field).flatMap(withEntries)];
}

function tableLine(field: Field): string {
  const cells = [
    `\`${field.path}\``,
    code(field.flagName),
    code(field.environmentName),
    field.defaultText || "required",
    `${field.about} ${capitalized(field.allowed)}.`,
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function code(text: string | undefined): string {
  return text === undefined ? "file only" : `\`${text}\``;
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
