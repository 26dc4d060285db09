/** `fpzk offline|online|drain|deregister SERVICE ID`: an operator's word on one instance or many. */
import type { DrainOutcome } from "@fpzk/server";
import { Option } from "commander";
import { CliError } from "../cli-error.js";
import type { ConfigureCommand } from "../command.js";
import { formatDurationMs, parseDurationMs } from "../config/duration.js";
import { ExitCode } from "../exit-code.js";
import {
  addClientOptions,
  clientSettings,
  servicePath,
  withTargets,
} from "../rest/client-options.js";
import { type Exchange, exchangeJson } from "../rest/request.js";
import {
  ANSWER_TIMEOUT_MS,
  DRAIN_TIMEOUT_DEFAULT_MS,
  DRAIN_TIMEOUT_MAX_MS,
} from "../rest/timeouts.js";
import { printable } from "../text-table.js";
import {
  addPaceOptions,
  addSelectorOptions,
  type DrainManyOptions,
  drainMany,
  hasSelector,
  onlineMany,
} from "./operate-many.js";

type OperateOptions = DrainManyOptions;

interface Operation {
  readonly help: string;
  readonly takesNote: boolean;
  readonly takesTimeout: boolean;
  /** For a selection instead of an id, where there is such a thing. */
  readonly many?: typeof drainMany;
  /** For `offline: hello/a is out of service`. */
  readonly done: string;
  readonly exchange: (path: string, options: OperateOptions) => Omit<Exchange, "timeoutMs">;
}

const OPERATIONS: Readonly<Record<string, Operation>> = {
  offline: {
    help: `
The instance stays registered and is not picked, whatever it says itself, until "fpzk online".

Examples:
  fpzk offline hello 10.0.0.1:8080 --note "disk full, ticket 42"`,
    takesNote: true,
    takesTimeout: false,
    done: "is out of service",
    exchange: (path, { note }) => ({
      method: "PUT",
      path: `${path}/override`,
      body: { state: "offline", ...(note === undefined ? {} : { note }) },
    }),
  },
  online: {
    help: `
Lifts what "offline" or "drain" said; the instance's own state counts again.

With a selection instead of an ID: every instance of it that is offline or draining.

Examples:
  fpzk online hello 10.0.0.1:8080
  fpzk online --zone eu-1`,
    takesNote: false,
    takesTimeout: false,
    many: onlineMany,
    done: "has its own state again",
    exchange: (path) => ({ method: "DELETE", path: `${path}/override` }),
  },
  drain: {
    help: `
Returns when every connected subscriber, in every region, has confirmed that it no longer picks
the instance; ends with 1 and names those that did not confirm in time. "fpzk online" lifts it.

With a selection instead of an ID (a host, a zone, a region, a version of a service) drains all of
it, --batch at a time, and shows each step. One instance of each service stays up unless --all is
said: those that would empty their service are held back, and the exit code is 1.

Examples:
  fpzk drain hello 10.0.0.1:8080 --timeout 30s && systemctl restart hello
  fpzk drain --host 10.0.0.7 --note "new kernel"
  fpzk drain --zone eu-1 --max-unavailable 50%
  fpzk drain hello --version-tag 1.4.2 --all`,
    takesNote: true,
    takesTimeout: true,
    many: drainMany,
    done: "is drained",
    exchange: (path, { note, timeout = DRAIN_TIMEOUT_DEFAULT_MS }) => ({
      method: "PUT",
      path: `${path}/override`,
      body: { state: "draining", timeout, ...(note === undefined ? {} : { note }) },
    }),
  },
  deregister: {
    help: `
Removes the instance. A program that is connected may register again: to keep it out, use
"fpzk offline".

Examples:
  fpzk deregister hello 10.0.0.1:8080`,
    takesNote: false,
    takesTimeout: false,
    done: "is removed",
    exchange: (path) => ({ method: "DELETE", path }),
  },
};

export const configure: ConfigureCommand = (command, io, setExitCode) => {
  const operation = OPERATIONS[command.name()];
  if (operation === undefined) throw new Error(`${command.name()} is no operation`);
  const { many } = operation;
  const [open, close] = many === undefined ? ["<", ">"] : ["[", "]"];
  addClientOptions(command)
    .argument(`${open}service${close}`, "name of the service")
    .argument(`${open}id${close}`, "id of the instance, as fpzk instances shows it")
    .option("--json", `one JSON document${many === drainMany ? ", of a selection one a line" : ""}`)
    .addHelpText("after", `${operation.help}\n`);
  if (operation.takesNote) command.option("--note <text>", "for people: who and why");
  if (operation.takesTimeout) {
    const longest = formatDurationMs(DRAIN_TIMEOUT_DEFAULT_MS);
    const option = new Option("--timeout <duration>", `longest wait (default ${longest})`);
    command.addOption(option.argParser(parseTimeout));
  }
  if (many !== undefined) addSelectorOptions(command);
  if (many === drainMany) addPaceOptions(command);
  command.action(async (service = "", id: string | undefined, options: OperateOptions) => {
    const settings = clientSettings(command, io);
    if (many !== undefined && id === undefined) {
      setExitCode(await many(settings, service === "" ? undefined : service, options, io));
      return;
    }
    if (id === undefined || hasSelector(options)) {
      const text = `fpzk ${command.name()} takes an ID or a selection, not both`;
      throw new CliError(ExitCode.usage, text);
    }
    const path = servicePath(settings.namespace, service, "instances", id);
    const wanted = operation.exchange(path, options);
    const waitMs = operation.takesTimeout ? (options.timeout ?? DRAIN_TIMEOUT_DEFAULT_MS) : 0;
    const timeoutMs = ANSWER_TIMEOUT_MS + waitMs;
    const answer = await withTargets(settings, (target) =>
      exchangeJson(target, { ...wanted, timeoutMs }),
    );
    const { confirmedCount, unconfirmed } = toDrain(answer);
    if (unconfirmed.length > 0) setExitCode(ExitCode.failed);
    if (options.json) {
      io.stdout.write(`${JSON.stringify(answer ?? {})}\n`);
      return;
    }
    const confirmed = operation.takesTimeout ? `; ${confirmedCount} subscribers confirmed` : "";
    if (unconfirmed.length === 0) {
      io.stdout.write(`${printable(`${service}/${id} ${operation.done}${confirmed}`)}\n`);
      return;
    }
    const missing = unconfirmed.map((name) => `  ${printable(name)}\n`).join("");
    io.stderr.write(`fpzk: these may still pick ${printable(`${service}/${id}`)}${confirmed}:\n`);
    io.stderr.write(missing);
  });
};

function toDrain(answer: unknown): DrainOutcome {
  const { confirmedCount = 0, unconfirmed = [] } = (answer ?? {}) as Partial<DrainOutcome>;
  return { confirmedCount, unconfirmed };
}

function parseTimeout(text: string): number {
  const timeoutMs = parseDurationMs(text);
  if (timeoutMs !== undefined && timeoutMs <= DRAIN_TIMEOUT_MAX_MS) return timeoutMs;
  const longest = formatDurationMs(DRAIN_TIMEOUT_MAX_MS);
  throw new CliError(
    ExitCode.usage,
    `--timeout ${JSON.stringify(text)} must be a duration such as "30s", at most ${longest}`,
  );
}
