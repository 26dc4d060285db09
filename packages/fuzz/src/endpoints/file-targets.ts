/** Files that a process reads: its settings, and the snapshot in its data directory. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Target, Violation } from "../engine/target.js";
import { ServedProcess } from "./served-process.js";

const FPZK = fileURLToPath(new URL("../../../cli/dist/main.js", import.meta.url));
const COMMAND_TIMEOUT_MS = 20_000;
/** What `fpzk config` may end with: good, or mistakes that it names. */
const CONFIG_EXIT_CODES: readonly (number | null)[] = [0, 2];

let folder = "";

async function makeFolder(): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), "fpzk-fuzz-"));
}

async function removeFolder(): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}

const configCommand: Target = {
  name: "config-command",
  form: "text",
  seeds: () =>
    ["nodeId: n1\nregion: eu\n", "cluster:\n  sessionTtl: 3s\n", "", "- a\n"].map((text) =>
      Buffer.from(text),
    ),
  words: ["&a", "*a", "<<: ", "{", "[", "\t", "port: ", "tokens:\n", "routes:\n", "\u0000"],
  start: makeFolder,
  end: removeFolder,
  run: async (input) => {
    const path = join(folder, "fpzk.yaml");
    await writeFile(path, input);
    const child = spawn(process.execPath, [FPZK, "config", "server", "--config", path], {
      stdio: ["ignore", "ignore", "pipe"],
      timeout: COMMAND_TIMEOUT_MS,
    });
    let said = "";
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (text: string) => {
      said = `${said}${text}`.slice(-2_000);
    });
    const [code] = (await once(child, "exit")) as [number | null];
    const isOrderly = CONFIG_EXIT_CODES.includes(code) && !/\n {4}at /.test(said);
    if (!isOrderly) throw new Violation(`fpzk config ended with ${code}:\n${said}`);
  },
  maxBytes: 4 * 1024,
};

/** As `packages/server/src/data-directory.ts` names it. */
const SNAPSHOT_FILE = "table.snapshot";
let goodSnapshot: Uint8Array = new Uint8Array(0);

/** A server starts with whatever lies in its data directory, and says what it set aside. */
const dataDirectory: Target = {
  name: "data-directory",
  form: "bytes",
  seeds: () => [goodSnapshot, new Uint8Array(0), Buffer.from("FPZKSNAP\u0001\n", "latin1")],
  start: async () => {
    await makeFolder();
    const server = await ServedProcess.start(["--data-directory", folder]);
    const body = JSON.stringify({ endpoints: [{ host: "a", port: 80 }] });
    await fetch(`http://127.0.0.1:${server.port}/v1/services/cart/instances/1`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body,
    });
    await server.leave();
    goodSnapshot = await readFile(join(folder, SNAPSHOT_FILE));
  },
  end: removeFolder,
  run: async (input) => {
    for (const old of await readdir(folder)) {
      if (old.includes("corrupt")) await rm(join(folder, old), { force: true });
    }
    await writeFile(join(folder, SNAPSHOT_FILE), input);
    const server = await ServedProcess.start(["--data-directory", folder]);
    await server.leave();
  },
  maxBytes: 64 * 1024,
};

export const FILE_TARGETS: readonly Target[] = [configCommand, dataDirectory];
