/**
 * One line per request that the proxy answered, relayed or refused, and per connection of plain TCP:
 * of method `TCP`, with the name that its TLS asked for as host, `tcp:PORT` as path and status 0.
 */
export interface AccessEntry {
  readonly method: string;
  readonly host: string;
  /** Without the query, which may hold secrets. */
  readonly path: string;
  /** 0 when the caller went away before an answer began. */
  readonly statusCode: number;
  /**
   * The route that took it, by its name or by what it takes; `dynamic`, or `none` when it was
   * refused before. Of plain TCP: `tcp:PORT`.
   */
  readonly route: string;
  /** Empty when no route matched. */
  readonly service: string;
  /** The instance that answered; empty when none did. */
  readonly instanceId: string;
  /** Instances tried, the answering one included. */
  readonly attemptCount: number;
  readonly requestBodyBytes: number;
  readonly responseBodyBytes: number;
  readonly durationMs: number;
  /** How it ended. `aborted`: by the caller; `failed`: the instance broke off its answer. */
  readonly outcome: "completed" | "refused" | "aborted" | "failed" | "upgraded";
  /**
   * Why the last attempt failed that did (`closed`, `connect`, `answer-body`, `status-503` …), or
   * the code of the proxy's own refusal (`not_found` …); empty when nothing went wrong.
   */
  readonly reason: string;
}

/** Where access lines go. Called once per request, when it has ended; must not throw. */
export interface AccessLog {
  write(entry: AccessEntry): void;
}

/** Drops every line. */
export const silentAccessLog: AccessLog = { write() {} };
