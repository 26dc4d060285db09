/** `fpzk watch SERVICE`: every change, as it happens, for as long as the user wants. */
import { createInterface } from "node:readline";
import { isRegistryError, RegistryError } from "@fpzk/core";
import type { ConfigureCommand } from "../command.js";
import { delay, retryDelayMs } from "../delay.js";
import { hasColor, type Io } from "../io.js";
import type { InstanceJson, WatchLineJson } from "../rest/answers.js";
import { endpointText } from "../rest/answers.js";
import {
  addClientOptions,
  type ClientSettings,
  clientSettings,
  servicePath,
} from "../rest/client-options.js";
import { exchange, type Target } from "../rest/request.js";
import { ANSWER_TIMEOUT_MS } from "../rest/timeouts.js";
import { type Color, paint, printable } from "../text-table.js";

/** A server says `alive` every 15 s; one that is silent for so long is taken for gone. */
const SILENCE_MAX_MS = 50_000;

export const configure: ConfigureCommand = (command, io) => {
  addClientOptions(command)
    .argument("<service>", "name of the service")
    .option("--json", "one JSON document a line (NDJSON)")
    .addHelpText(
      "after",
      `
Shows what is there, then every change. When the server goes away, goes on at the next one of
--server, where it stopped. Ends with Ctrl-C.

Examples:
  fpzk watch hello
  fpzk watch hello --server us-1:7100,eu-1:7100
  fpzk watch hello --json | jq 'select(.type == "removed")'
`,
    )
    .action(async (service: string, options: { json?: boolean }) => {
      const watch = new Watch(service, options.json === true, clientSettings(command, io), io);
      await watch.run();
    });
};

class Watch {
  readonly #service: string;
  readonly #isJson: boolean;
  readonly #settings: ClientSettings;
  readonly #io: Io;
  readonly #known = new Set<string>();
  #resume: string | undefined;
  #hasBegun = false;
  #hasNews = false;

  constructor(service: string, isJson: boolean, settings: ClientSettings, io: Io) {
    this.#service = service;
    this.#isJson = isJson;
    this.#settings = settings;
    this.#io = io;
  }

  /** Watches until interrupted; throws when no server could be reached at all, or one refused. */
  async run(): Promise<void> {
    const { targets } = this.#settings;
    const interrupted = this.#io.interrupted();
    let failureCount = 0;
    for (let attempt = 0; !interrupted.aborted; attempt += 1) {
      const target = targets[attempt % targets.length];
      if (target === undefined) return;
      this.#hasNews = false;
      try {
        await this.#follow(target, interrupted);
      } catch (error) {
        if (interrupted.aborted) return;
        if (!isRegistryError(error) || error.code !== "unavailable") throw error;
        failureCount = this.#hasNews ? 1 : failureCount + 1;
        if (!this.#hasBegun && failureCount >= targets.length) throw error;
        this.#io.stderr.write(`fpzk: ${error.message}; trying again\n`);
        if (failureCount >= targets.length) await delay(retryDelayMs(failureCount), interrupted);
      }
    }
  }

  async #follow(target: Target, interrupted: AbortSignal): Promise<void> {
    const resume = this.#resume === undefined ? "" : `?resume=${encodeURIComponent(this.#resume)}`;
    const path = `${servicePath(this.#settings.namespace, this.#service)}/watch${resume}`;
    const answer = await exchange(target, {
      method: "GET",
      path,
      timeoutMs: ANSWER_TIMEOUT_MS,
      signal: interrupted,
    });
    this.#hasBegun = true;
    const silence = setTimeout(() => answer.destroy(), SILENCE_MAX_MS);
    // Without a listener a broken connection would end the process.
    answer.on("error", () => {});
    try {
      for await (const line of createInterface({ input: answer })) {
        silence.refresh();
        if (line.trim() !== "") this.#take(parseLine(line));
      }
    } finally {
      clearTimeout(silence);
      answer.destroy();
    }
    throw new RegistryError("unavailable", `${target.baseUrl.origin} ended the watch`);
  }

  #take(line: WatchLineJson): void {
    if ("resume" in line && line.resume !== undefined) this.#resume = line.resume;
    if (line.type === "end") throw endError(line);
    this.#hasNews = true;
    if (line.type === "alive") return;
    if (this.#isJson) {
      this.#io.stdout.write(`${JSON.stringify(line)}\n`);
      return;
    }
    this.#io.stdout.write(this.#lineText(line));
  }

  #lineText(line: Exclude<WatchLineJson, { type: "end" | "alive" }>): string {
    if (line.type === "complete") {
      const behind = line.isBehind ? "; the server is still catching up" : "";
      const count = line.instanceCount ?? this.#known.size;
      return this.#format("=", "dim", `${this.#service}: ${count} instances${behind}`);
    }
    if (line.type === "removed") {
      this.#known.delete(line.id);
      return this.#format("-", "red", `${line.id}  ${line.reason}`);
    }
    const { instance } = line;
    const isNew = !this.#known.has(instance.id);
    this.#known.add(instance.id);
    const isServing = instance.state === "up" && instance.liveness === "alive";
    return this.#format(isNew ? "+" : "~", isServing ? "green" : "yellow", instanceText(instance));
  }

  #format(sign: string, color: Color, text: string): string {
    const time = new Date().toISOString().slice(11, 23);
    const line = `${sign} ${printable(text)}`;
    return `${time}  ${hasColor(this.#io, this.#io.stdout) ? paint(line, color) : line}\n`;
  }
}

function instanceText(instance: InstanceJson): string {
  const place = [instance.region, instance.zone].filter((part) => part !== "").join("/");
  const words = [instance.id, endpointText(instance), instance.state, instance.liveness, place];
  return words.filter((word) => word !== "").join("  ");
}

function parseLine(line: string): WatchLineJson {
  try {
    return JSON.parse(line) as WatchLineJson;
  } catch (error) {
    throw new RegistryError("unknown", "the watch holds a line that is no JSON", { cause: error });
  }
}

function endError(line: { readonly code: string; readonly reason: string }): RegistryError {
  const isRefused = line.code === "permission_denied" || line.code === "unauthenticated";
  const code = isRefused ? line.code : "unavailable";
  return new RegistryError(code as "unavailable", `the server ended the watch: ${line.reason}`);
}
