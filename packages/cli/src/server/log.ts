/** The server's log: lines for a person at a terminal, or JSON for programs. */
import type { LogFields, Logger } from "@fpzk/server";
import type { ServerConfig } from "../config/server-config.js";
import { hasColor, type Io } from "../io.js";
import { type Color, paint, printable } from "../text-table.js";

type Level = ServerConfig["logLevel"];
export type LogForm = Exclude<ServerConfig["log"], "auto">;

const LEVELS: readonly Level[] = ["debug", "info", "warn", "error"];
const LEVEL_COLORS: Readonly<Record<Level, Color | undefined>> = {
  debug: "dim",
  info: undefined,
  warn: "yellow",
  error: "red",
};

/** `auto` decided: pretty on a terminal, else JSON. */
export function logForm(form: ServerConfig["log"], io: Io): LogForm {
  return form === "auto" ? (io.stderr.isTerminal ? "pretty" : "json") : form;
}

/** A logger that writes to standard error; `bound` fields stand on every line. */
export async function createLogger(
  form: LogForm,
  level: Level,
  io: Io,
  bound: LogFields,
): Promise<Logger> {
  if (form === "pretty") return prettyLogger(level, io, bound);
  if (form === "json") return jsonLogger(level, io, bound);
  const drop = () => {};
  return { debug: drop, info: drop, warn: drop, error: drop };
}

async function jsonLogger(level: Level, io: Io, bound: LogFields): Promise<Logger> {
  const { pino, stdTimeFunctions } = await import("pino");
  const log = pino(
    {
      level,
      base: { ...bound },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: "event",
    },
    { write: (line: string) => io.stderr.write(line) },
  );
  return {
    debug: (event, fields) => log.debug(fields ?? {}, event),
    info: (event, fields) => log.info(fields ?? {}, event),
    warn: (event, fields) => log.warn(fields ?? {}, event),
    error: (event, fields) => log.error(fields ?? {}, event),
  };
}

function prettyLogger(level: Level, io: Io, bound: LogFields): Logger {
  const isColored = hasColor(io, io.stderr);
  const write = (lineLevel: Level, event: string, fields: LogFields | undefined) => {
    if (LEVELS.indexOf(lineLevel) < LEVELS.indexOf(level)) return;
    const time = new Date().toISOString().slice(11, 23);
    const head = `${lineLevel.padEnd(5)} ${event}`;
    const tail = fieldsText({ ...bound, ...fields });
    const color = isColored ? LEVEL_COLORS[lineLevel] : undefined;
    const words = [paint(time, isColored ? "dim" : undefined), paint(head, color), tail];
    io.stderr.write(`${words.join(" ").trimEnd()}\n`);
  };
  return {
    debug: (event, fields) => write("debug", event, fields),
    info: (event, fields) => write("info", event, fields),
    warn: (event, fields) => write("warn", event, fields),
    error: (event, fields) => write("error", event, fields),
  };
}

function fieldsText(fields: LogFields): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => {
      const text = printable(String(value));
      return `${name}=${/[\s"=]/.test(text) || text === "" ? JSON.stringify(text) : text}`;
    })
    .join(" ");
}
