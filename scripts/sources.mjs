// Which compiled file belongs to which source, by the projects that tsconfig.json lists.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const OUTPUT_SUFFIXES = [".d.ts.map", ".js.map", ".d.ts", ".js"];
const FOLDERS_SKIPPED = new Set(["node_modules", "dist"]);

/** Every `*.test.ts` of the workspace with the file that it compiles to. */
export function listTests() {
  return listProjects().flatMap(({ sourceFolder, outputFolder }) =>
    listFiles(sourceFolder, FOLDERS_SKIPPED)
      .filter((source) => source.endsWith(".test.ts"))
      .map((source) => ({
        source,
        compiled: join(outputFolder, relative(sourceFolder, source)).replace(/\.ts$/, ".js"),
      })),
  );
}

/** Compiled files whose source is gone: they must be neither run nor published. */
export function staleOutputs() {
  return listProjects().flatMap(({ sourceFolder, outputFolder }) =>
    listFiles(outputFolder, new Set()).filter((file) => {
      const suffix = OUTPUT_SUFFIXES.find((known) => file.endsWith(known));
      if (suffix === undefined) return false;
      const stem = relative(outputFolder, file).slice(0, -suffix.length);
      return !existsSync(join(sourceFolder, `${stem}.ts`));
    }),
  );
}

function listProjects() {
  const { references } = JSON.parse(readFileSync("tsconfig.json", "utf8"));
  const folders = references.map(({ path }) => (path.endsWith(".json") ? dirname(path) : path));
  return [...new Set(folders)].map((folder) => {
    const nested = join(folder, "src");
    return {
      sourceFolder: existsSync(nested) ? nested : folder,
      outputFolder: join(folder, "dist"),
    };
  });
}

function listFiles(folder, skipped) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (skipped.has(entry.name)) return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? listFiles(path, skipped) : [path];
  });
}
