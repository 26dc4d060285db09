/** Binds {@link Logger} to pino: one JSON line per event, the event's name in `msg`. */
import type { Logger as Pino } from "pino";
import type { LogFields, Logger } from "./logger.js";

export function pinoLogger(pino: Pino): Logger {
  return {
    debug: (event: string, fields?: LogFields) => pino.debug(fields ?? {}, event),
    info: (event: string, fields?: LogFields) => pino.info(fields ?? {}, event),
    warn: (event: string, fields?: LogFields) => pino.warn(fields ?? {}, event),
    error: (event: string, fields?: LogFields) => pino.error(fields ?? {}, event),
  };
}
