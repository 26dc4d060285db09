/** `fpzk drain` and `fpzk online` for many instances: a host, a zone, a region, a version. */
import { createInterface } from "node:readline";
import { RegistryError } from "@fpzk/core";
import type { DrainLine, LiftOutcome } from "@fpzk/server";
import { type Command, Option } from "commander";
import { CliError } from "../cli-error.js";
import { ExitCode } from "../exit-code.js";
import { hasColor, type Io } from "../io.js";
import { type ClientSettings, withTargets } from "../rest/client-options.js";
import { exchange, exchangeJson } from "../rest/request.js";
import { ANSWER_TIMEOUT_MS } from "../rest/timeouts.js";
import { paint, printable } from "../text-table.js";

export interface SelectorOptions {
  readonly versionTag?: string;
  readonly region?: string;
  readonly zone?: string;
  readonly host?: string;
}

export interface DrainManyOptions extends SelectorOptions {
  readonly json?: boolean;
  readonly note?: string;
  /** In ms, checked. */
  readonly timeout?: number;
  readonly batch?: string;
  readonly maxUnavailable?: string;
  readonly all?: boolean;
  readonly dryRun?: boolean;
}

/** A server says `alive` every 15 s; one that is silent for so long is taken for gone. */
const SILENCE_MAX_MS = 50_000;
const BATCH_MAX = 100;

/** What selects instead of an id. */
export function addSelectorOptions(command: Command): void {
  command
    .option("--version-tag <tag>", "instances of this version of SERVICE")
    .option("--host <host>", "instances with an endpoint on this host, as they registered it")
    .option("--zone <name>", "instances of this zone")
    .option("--region <name>", "instances of this region");
}

/** How many at once, and how many may be out. */
export function addPaceOptions(command: Command): void {
  command
    .option("--batch <n>", "with a selection: drains at once (default 10)")
    .addOption(
      new Option(
        "--max-unavailable <n|p%>",
        "with a selection: instances of a service that may be out at once (default: all but one)",
      ),
    )
    .option("--all", "with a selection: also the last instance of a service")
    .option("--dry-run", "with a selection: tell what would be done");
}

export function hasSelector(options: SelectorOptions): boolean {
  const { versionTag, region, zone, host } = options;
  return [versionTag, region, zone, host].some((value) => value !== undefined);
}

/** The selection as REST takes it; refused when it would be a whole namespace, or by a slip. */
function selectorOf(
  word: string,
  service: string | undefined,
  options: DrainManyOptions,
): Readonly<Record<string, string>> {
  const { versionTag, region, zone, host } = options;
  if (!hasSelector(options) && (service === undefined || options.all !== true)) {
    const given = service === undefined ? "SERVICE and ID" : "an ID";
    const whole = service === undefined ? "" : `, or --all for every instance of ${service}`;
    const text = `fpzk ${word} needs ${given}, or --zone, --host, --region or --version-tag`;
    throw new CliError(ExitCode.usage, `${text}${whole}`);
  }
  if (versionTag !== undefined && service === undefined) {
    throw new CliError(ExitCode.usage, "--version-tag needs SERVICE, whose version it is");
  }
  const parts = { service, version: versionTag, region, zone, host };
  const given = Object.entries(parts).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Readonly<Record<string, string>>;
}

/** Drains what is selected and shows each step; resolves with the exit code. */
export async function drainMany(
  settings: ClientSettings,
  service: string | undefined,
  options: DrainManyOptions,
  io: Io,
): Promise<number> {
  const { note, timeout, all, dryRun } = options;
  const body = {
    ...selectorOf("drain", service, options),
    ...(options.batch === undefined ? {} : { batch: readBatch(options.batch) }),
    ...(options.maxUnavailable === undefined
      ? {}
      : { maxUnavailable: readMaxUnavailable(options.maxUnavailable) }),
    ...(note === undefined ? {} : { note }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(all === true ? { all } : {}),
    ...(dryRun === true ? { dryRun } : {}),
  };
  const path = `/v1/namespaces/${encodeURIComponent(settings.namespace)}/drains`;
  const signal = io.interrupted();
  const answer = await withTargets(settings, (target) =>
    exchange(target, { method: "POST", path, body, timeoutMs: ANSWER_TIMEOUT_MS, signal }),
  );
  const report = new DrainReport(io, options);
  const silence = setTimeout(() => answer.destroy(), SILENCE_MAX_MS);
  answer.on("error", () => {
    // The loop below ends, and says so.
  });
  try {
    for await (const line of createInterface({ input: answer })) {
      silence.refresh();
      if (line.trim() !== "") report.take(JSON.parse(line) as DrainLine);
    }
  } finally {
    clearTimeout(silence);
    answer.destroy();
  }
  if (report.end !== undefined) return report.exitCode;
  if (signal.aborted) {
    io.stderr.write("fpzk: interrupted: nothing further begins, what is drained stays so\n");
    return ExitCode.failed;
  }
  const advice = "what is drained stays so: run it again to go on";
  throw new RegistryError("unavailable", `the server went away; ${advice}`);
}

/** Lifts the operator's word on what is selected; resolves with the exit code. */
export async function onlineMany(
  settings: ClientSettings,
  service: string | undefined,
  options: DrainManyOptions,
  io: Io,
): Promise<number> {
  const query = new URLSearchParams(selectorOf("online", service, options));
  const namespace = encodeURIComponent(settings.namespace);
  const path = `/v1/namespaces/${namespace}/overrides?${query}`;
  const timeoutMs = 10 * ANSWER_TIMEOUT_MS;
  const answer = (await withTargets(settings, (target) =>
    exchangeJson(target, { method: "DELETE", path, timeoutMs }),
  )) as LiftOutcome;
  const { lifted, failed } = answer;
  const exitCode = failed.length === 0 ? ExitCode.ok : ExitCode.failed;
  if (options.json) {
    io.stdout.write(`${JSON.stringify(answer)}\n`);
    return exitCode;
  }
  for (const one of lifted) {
    io.stdout.write(`${printable(`${one.service}/${one.id}`)} has its own state again\n`);
  }
  for (const one of failed) {
    io.stderr.write(`fpzk: ${printable(`${one.service}/${one.id}: ${one.reason}`)}\n`);
  }
  if (lifted.length + failed.length === 0) io.stdout.write("none was offline or draining\n");
  return exitCode;
}

/** Shows the lines of a drain as they come. */
class DrainReport {
  readonly #io: Io;
  readonly #isJson: boolean;
  readonly #isDryRun: boolean;
  readonly #isColored: boolean;
  #takenCount = 0;
  end: Extract<DrainLine, { type: "end" }> | undefined;

  constructor(io: Io, { json, dryRun }: DrainManyOptions) {
    this.#io = io;
    this.#isJson = json === true;
    this.#isDryRun = dryRun === true;
    this.#isColored = hasColor(io, io.stdout);
  }

  /** 0 when everything selected is out, and everyone confirmed it. */
  get exitCode(): number {
    const { end } = this;
    if (end === undefined || !end.isComplete) return ExitCode.failed;
    const leftCount = end.unconfirmedCount + end.heldCount + end.failedCount;
    return leftCount === 0 ? ExitCode.ok : ExitCode.failed;
  }

  take(line: DrainLine): void {
    if (line.type === "end") this.end = line;
    if (line.type === "alive") return;
    if (this.#isJson) {
      this.#io.stdout.write(`${JSON.stringify(line)}\n`);
      return;
    }
    const text = this.#textOf(line);
    if (text !== undefined) this.#io.stdout.write(`${text}\n`);
  }

  #textOf(line: Exclude<DrainLine, { type: "alive" }>): string | undefined {
    switch (line.type) {
      case "plan":
        return `${line.instanceCount} instances of ${line.serviceCount} services are selected`;
      case "draining":
        this.#takenCount += 1;
        return this.#row("…", "dim", line, this.#isDryRun ? "would be drained" : "draining");
      case "drained": {
        const { confirmedCount, unconfirmed } = line;
        const confirmed = `${confirmedCount} subscribers confirmed`;
        if (unconfirmed.length === 0) {
          return this.#row("✓", "green", line, `drained; ${confirmed}`);
        }
        const missing = unconfirmed.join(", ");
        return this.#row("!", "red", line, `may still be picked by ${missing}; ${confirmed}`);
      }
      case "held": {
        const left = `${line.upCount} of ${line.totalCount} are up`;
        return this.#row("-", "yellow", line, `held back: ${left} (--all takes it out too)`);
      }
      case "failed":
        return this.#row("!", "red", line, line.reason);
      case "end":
        return this.#endText(line);
    }
  }

  #endText(end: Extract<DrainLine, { type: "end" }>): string {
    const doneText = this.#isDryRun
      ? `${this.#takenCount} would be drained`
      : `${end.drainedCount} drained`;
    const parts = [doneText];
    if (end.unconfirmedCount > 0) parts.push(`${end.unconfirmedCount} not confirmed by all`);
    if (end.heldCount > 0) parts.push(`${end.heldCount} held back`);
    if (end.failedCount > 0) parts.push(`${end.failedCount} failed`);
    if (!end.isComplete) parts.push("the rest was not begun");
    return parts.join(", ");
  }

  #row(
    sign: string,
    color: "dim" | "green" | "red" | "yellow",
    { service, id }: { readonly service: string; readonly id: string },
    text: string,
  ): string {
    const shown = paint(sign, this.#isColored ? color : undefined);
    return `${shown} ${printable(`${service}/${id}`)}  ${printable(text)}`;
  }
}

function readBatch(text: string): number {
  const value = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 1 && value <= BATCH_MAX) return value;
  throw new CliError(ExitCode.usage, `--batch ${JSON.stringify(text)} must be 1 to ${BATCH_MAX}`);
}

function readMaxUnavailable(text: string): number | string {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  if (/^\d{1,3}%$/.test(text) && Number(text.slice(0, -1)) <= 100) return text;
  const message = `--max-unavailable ${JSON.stringify(text)} must be a count or a share up to 100%`;
  throw new CliError(ExitCode.usage, message);
}
