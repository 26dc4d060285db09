/**
 * The README's tour, run as it stands: on free ports, in a folder of its own.
 *
 * A comment before a fenced block says what to do with it:
 * - `tour: file NAME`: writes it;
 * - `tour: start NAME`: starts its command; goes on when its first line was seen;
 * - `tour: run`: runs its commands; what each shows must be what stands there (`run until`: at last);
 * - `tour: kill NAME`, `tour: stop NAME`: ends what was started.
 *
 * `…` stands for anything in a line, or for any lines; numbers of five digits and more for any
 * number; times for any time. At the end, everything that was started must have shown all its lines.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FPZK = join(ROOT, "packages", "cli", "bin", "fpzk.js");
/** Ports that the README names. */
const PORTS = [7100, 7101, 7102, 7103, 7180, 8080, 8081];
const SEEN_TIMEOUT_MS = 60_000;
const COMMAND_TIMEOUT_MS = 60_000;

interface Step {
  readonly verb: string;
  readonly name: string;
  /** Commands with what each shows; for a file one without a command. */
  readonly parts: readonly { readonly command: string; readonly shown: string }[];
}

function parseTour(text: string): Step[] {
  const marks = /<!-- tour: (\w+) ?(\S*) -->\n(?:```\w*\n([\s\S]*?)```)?/g;
  return [...text.matchAll(marks)].map(([, verb = "", name = "", block = ""]) => {
    if (verb === "file") return { verb, name, parts: [{ command: "", shown: block }] };
    const parts = block.split(/^\$ /m).slice(1);
    return {
      verb,
      name,
      parts: parts.map((part) => {
        const [command = "", ...shown] = part.split("\n");
        return { command, shown: shown.join("\n") };
      }),
    };
  });
}

/** What a shown text stands for. */
function patternOf(shown: string, isWhole: boolean): RegExp {
  const lines = squeezed(shown).split("\n");
  const source = lines.map((line) => {
    if (line === "…") return "(?:[^\\n]*\\n)*?";
    const escaped = line.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&").replaceAll("…", "[^\\n]*?");
    const times = escaped.replace(/\d\d:\d\d:\d\d\\\.\d{3}/g, "\\d\\d:\\d\\d:\\d\\d\\.\\d{3}");
    return `${times.replace(/\d{5,}/g, "\\d+")}\\n`;
  });
  return new RegExp(isWhole ? `^${source.join("")}$` : source.join(""));
}

/** Spaces that align columns are one; the end of the last line is one. */
function squeezed(text: string): string {
  return text.trimEnd().replace(/[^\S\n]+/g, " ");
}

class Tour {
  readonly folder = mkdtempSync(join(ROOT, "test", "dist", "tour-"));
  readonly #ports: ReadonlyMap<number, number>;
  readonly #started = new Map<string, { process: ChildProcess; output: string; shown: string }>();

  constructor(ports: ReadonlyMap<number, number>) {
    this.#ports = ports;
    cpSync(join(ROOT, "examples", "three-regions"), join(this.folder, "examples/three-regions"), {
      recursive: true,
    });
    const regions = join(this.folder, "examples", "three-regions");
    for (const name of readdirSync(regions)) {
      const path = join(regions, name);
      writeFileSync(path, this.#toReal(readFileSync(path, "utf8")));
    }
  }

  async run(step: Step): Promise<void> {
    const [first] = step.parts;
    switch (step.verb) {
      case "file":
        // A program on the default port: here it is another one.
        return writeFileSync(
          join(this.folder, step.name),
          (first?.shown ?? "").replace(
            "connect()",
            `connect({ servers: ["127.0.0.1:${this.#ports.get(7100)}"] })`,
          ),
        );
      case "start":
        return this.#start(step.name, first?.command ?? "", first?.shown ?? "");
      case "kill":
      case "stop":
        return this.#end(step.name, step.verb === "kill" ? "SIGKILL" : "SIGINT");
      case "run":
        for (const { command, shown } of step.parts) {
          await this.#compare(command, shown, step.name === "until");
        }
        return;
      default:
        assert.fail(`the README has a step that is not known: ${step.verb}`);
    }
  }

  /** All that was started must have shown what stands in the README. */
  async finish(): Promise<void> {
    for (const [name, { shown }] of this.#started) await this.#seen(name, patternOf(shown, false));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#started.keys()].map((name) => this.#end(name, "SIGKILL")));
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #start(name: string, command: string, shown: string): Promise<void> {
    const child = this.#shell(command);
    const running = { process: child, output: "", shown };
    this.#started.set(name, running);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        running.output += text;
      });
    }
    const first = shown.split("\n").find((line) => line !== "…") ?? "";
    await this.#seen(name, patternOf(first, false));
  }

  async #seen(name: string, pattern: RegExp): Promise<void> {
    const running = this.#started.get(name);
    const until = performance.now() + SEEN_TIMEOUT_MS;
    while (!pattern.test(`${squeezed(this.#toShown(running?.output ?? ""))}\n`)) {
      assert.ok(performance.now() < until, `${name} never showed ${pattern}:\n${running?.output}`);
      await sleep(50);
    }
  }

  async #end(name: string, signal: NodeJS.Signals): Promise<void> {
    const child = this.#started.get(name)?.process;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, "close");
    process.kill(-child.pid, signal);
    await closed;
  }

  async #compare(command: string, shown: string, isPatient: boolean): Promise<void> {
    const pattern = patternOf(shown, true);
    const until = performance.now() + SEEN_TIMEOUT_MS;
    for (;;) {
      const { exitCode, stdout, stderr } = await this.#ran(command);
      const text = `${squeezed(this.#toShown(stdout))}\n`;
      if (exitCode === 0 && pattern.test(text)) return;
      const said = `$ ${command}\nexit code ${exitCode}\n${text}${stderr}\nmust match ${pattern}`;
      assert.ok(isPatient && performance.now() < until, said);
      await sleep(200);
    }
  }

  async #ran(command: string): Promise<{ exitCode: number; stdout: string; stderr: string }> {
    const child = this.#shell(command);
    const said = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name]?.setEncoding("utf8").on("data", (text: string) => {
        said[name] += text;
      });
    }
    const timer = setTimeout(() => child.kill("SIGKILL"), COMMAND_TIMEOUT_MS);
    const [exitCode] = (await once(child, "close")) as [number | null];
    clearTimeout(timer);
    return { exitCode: exitCode ?? -1, ...said };
  }

  /** A command in a shell where `npx fpzk` is the build of this clone, in a process group of its own. */
  #shell(command: string): ChildProcess {
    const isLong = /^npx fpzk (server|proxy)/.test(command);
    const here = `127.0.0.1:${this.#ports.get(7100)}`;
    const words = this.#toReal(command)
      .replace(/^npx fpzk server$/, `npx fpzk server --port ${this.#ports.get(7100)}`)
      .replace("proxy --dynamic", `proxy --dynamic --port ${this.#ports.get(7180)}`)
      .replace(/^(npx fpzk proxy .*)$/, `$1 --registry-servers ${here}`);
    const script = `npx() { shift; "${process.execPath}" "${FPZK}" "$@"; }\n${words}`;
    const { PATH = "" } = process.env;
    return spawn("bash", ["-c", isLong ? `${script} --log pretty` : script], {
      cwd: this.folder,
      detached: true,
      env: { PATH, ...(isLong ? {} : { FPZK_SERVER: here }) },
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  #toReal(text: string): string {
    return text.replace(/\b\d{4}\b/g, (port) => String(this.#ports.get(Number(port)) ?? port));
  }

  #toShown(text: string): string {
    let shown = text;
    for (const [port, real] of this.#ports) shown = shown.replaceAll(String(real), String(port));
    return shown;
  }
}

/** Free ports in the order of those that they stand for: lists sorted by address stay as they are. */
async function freePorts(): Promise<Map<number, number>> {
  const servers = PORTS.map(() => createServer());
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  }
  const free = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) server.close();
  free.sort((a, b) => a - b);
  return new Map(PORTS.map((port, index) => [port, free[index] ?? 0]));
}

const missing = ["bash", "curl", "python3"].filter(
  (program) => spawnSync(program, ["--version"]).status !== 0,
);

test("the README's tour shows what it says", {
  timeout: 240_000,
  skip: missing.length > 0 && `needs ${missing.join(" and ")}`,
}, async (t) => {
  const steps = parseTour(readFileSync(join(ROOT, "README.md"), "utf8"));
  assert.ok(steps.length > 15, `found only ${steps.length} steps in the README`);
  const tour = new Tour(await freePorts());
  t.after(() => tour.close());
  for (const step of steps) await tour.run(step);
  await tour.finish();
});
