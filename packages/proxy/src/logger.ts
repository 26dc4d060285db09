/** The port that the proxy logs through: constant event names and fields, never built sentences. */
export interface ProxyLogger {
  debug(event: string, fields?: ProxyLogFields): void;
  info(event: string, fields?: ProxyLogFields): void;
  warn(event: string, fields?: ProxyLogFields): void;
  error(event: string, fields?: ProxyLogFields): void;
}

export type ProxyLogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** A logger that drops everything. */
export const silentProxyLogger: ProxyLogger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
};
