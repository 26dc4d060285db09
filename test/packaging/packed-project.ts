/** Packs what would be published and installs it into an empty project, as a user would. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

export const WORKSPACE_FOLDER = fileURLToPath(new URL("../../../", import.meta.url));

/** What npm says when it reached no registry; anything else is a fault of the packages. */
const NO_REGISTRY = /\b(ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENOTCACHED)\b/;

export interface PackageManifest {
  readonly name: string;
  readonly version?: string;
  readonly private?: boolean;
  readonly description?: string;
  readonly license?: string;
  readonly engines?: { readonly node?: string };
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly files?: readonly string[];
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

export interface Finished {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The packages of the workspace that are published, by folder. */
export function publicPackages(): ReadonlyMap<string, PackageManifest> {
  const found = new Map<string, PackageManifest>();
  const parent = join(WORKSPACE_FOLDER, "packages");
  for (const name of readdirSync(parent)) {
    const manifest = readManifest(join(parent, name));
    if (manifest.private !== true) found.set(join(parent, name), manifest);
  }
  return found;
}

export function readManifest(folder: string): PackageManifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as PackageManifest;
}

/** A project in a folder of its own, outside the workspace, with the packed packages installed. */
export class PackedProject {
  readonly folder: string;
  readonly #running = new Set<ChildProcess>();

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** The project, or why there is none: no registry for the packages of others. */
  static async create(names: readonly string[]): Promise<PackedProject | string> {
    // Real, because programs compare their path with import.meta.url.
    const project = new PackedProject(realpathSync(mkdtempSync(join(tmpdir(), "fpzk-packed-"))));
    try {
      const problem = await project.#install(names);
      if (problem === undefined) return project;
      await project.remove();
      return problem;
    } catch (error) {
      await project.remove();
      throw error;
    }
  }

  async #install(names: readonly string[]): Promise<string | undefined> {
    const tarballFolder = join(this.folder, "tarballs");
    mkdirSync(tarballFolder);
    const packing = await this.npm(
      ["pack", "--pack-destination", tarballFolder, ...names.flatMap((name) => ["-w", name])],
      WORKSPACE_FOLDER,
    );
    if (packing.exitCode !== 0) throw new Error(`npm pack failed:\n${packing.stderr}`);
    const tarballs = readdirSync(tarballFolder).map((file) => `./tarballs/${file}`);
    if (tarballs.length !== names.length) {
      throw new Error(`packed ${tarballs.join(", ")} for ${names.join(", ")}`);
    }
    const manifest = { name: "user", version: "1.0.0", private: true, type: "module" };
    this.write("package.json", JSON.stringify(manifest));
    const options = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
    const installing = await this.npm(["install", ...options, ...tarballs]);
    if (installing.exitCode === 0) return undefined;
    if (NO_REGISTRY.test(installing.stderr)) return `npm reached no registry: ${installing.stderr}`;
    throw new Error(`npm install failed:\n${installing.stderr}`);
  }

  installedFolder(name: string): string {
    return join(this.folder, "node_modules", ...name.split("/"));
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.folder, file), text);
  }

  /** Starts a program in the project, in a process group of its own. */
  spawn(command: string, args: readonly string[], folder = this.folder): ChildProcess {
    const child = spawn(command, args, {
      cwd: folder,
      env: environment(this.folder),
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    this.#running.add(child);
    child.once("close", () => this.#running.delete(child));
    return child;
  }

  async run(command: string, args: readonly string[], folder?: string): Promise<Finished> {
    const child = this.spawn(command, args, folder);
    let stdout = "";
    let stderr = "";
    child.stdout?.on("data", (chunk) => {
      stdout += String(chunk);
    });
    child.stderr?.on("data", (chunk) => {
      stderr += String(chunk);
    });
    const [exitCode] = (await once(child, "close")) as [number | null];
    return { exitCode, stdout, stderr };
  }

  /** npm, run by the Node that runs this. */
  npm(args: readonly string[], folder?: string): Promise<Finished> {
    const npmFile = process.env["npm_execpath"];
    if (npmFile?.endsWith("npm-cli.js") !== true) return this.run("npm", args, folder);
    return this.run(process.execPath, [npmFile, ...args], folder);
  }

  /** Ends what still runs and removes the folder. */
  async remove(): Promise<void> {
    await Promise.all([...this.#running].map((child) => endGroup(child)));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Ends a program started by {@link PackedProject.spawn}, with all that it started. */
export async function endGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, "close");
  process.kill(-child.pid, "SIGTERM");
  await closed;
}

/** Without what `npm test` says of the workspace: the project must stand alone. */
function environment(projectFolder: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      !/^(npm_(package|lifecycle|config_local_prefix)|FPZK_|NODE_TEST_CONTEXT)/.test(name),
  );
  const inPath = (process.env["PATH"] ?? "")
    .split(delimiter)
    .filter((folder) => !folder.startsWith(WORKSPACE_FOLDER));
  return { ...Object.fromEntries(kept), PATH: inPath.join(delimiter), INIT_CWD: projectFolder };
}
