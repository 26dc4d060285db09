/** A YAML configuration file: its values, and the line of each for messages. */
import { isMap, isNode, LineCounter, parseDocument } from "yaml";
import type { Mistake } from "./mistake.js";

/** Bytes of a configuration file; a bigger one is another kind of file. */
export const CONFIG_FILE_MAX_BYTES = 1024 * 1024;
/** Uses of anchors in one file, against "billion laughs". */
const ALIAS_COUNT_MAX = 50;

export interface ConfigFile {
  readonly values: Readonly<Record<string, unknown>>;
  /** `fpzk.yaml:3` for a path such as `["cluster", "sessionTtl"]`. */
  readonly sourceOf: (path: readonly PropertyKey[]) => string;
}

/** Reads the text of a file named `name`; what is not YAML comes back as mistakes. */
export function parseConfigFile(name: string, text: string): ConfigFile | readonly Mistake[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) {
    return faults.map((fault) => {
      const { line, col } = lines.linePos(fault.pos[0]);
      return fileMistake(`${name}:${line}:${col}`, `is not good YAML: ${fault.message}`);
    });
  }
  if (document.contents !== null && !isMap(document.contents)) {
    return [fileMistake(`${name}:1`, 'holds no settings: it must be lines of "name: value"')];
  }
  let values: Record<string, unknown>;
  try {
    values = (document.toJS({ maxAliasCount: ALIAS_COUNT_MAX }) ?? {}) as Record<string, unknown>;
  } catch (error) {
    return [fileMistake(name, `is not good YAML: ${(error as Error).message}`)];
  }
  return {
    values,
    sourceOf: (path) => {
      const node: unknown = document.getIn(path as unknown[], true);
      const offset = isNode(node) ? node.range?.[0] : undefined;
      return offset === undefined ? name : `${name}:${lines.linePos(offset).line}`;
    },
  };
}

function fileMistake(source: string, problem: string): Mistake {
  return { path: "file", source, valueText: undefined, problem, allowed: "" };
}
