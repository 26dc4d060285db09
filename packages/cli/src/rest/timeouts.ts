/** How long a command waits for a server. */

/** Until the answer to a question begins. */
export const ANSWER_TIMEOUT_MS = 10_000;
/** For confirmations of a drain, unless `--timeout` says otherwise. */
export const DRAIN_TIMEOUT_DEFAULT_MS = 10_000;
export const DRAIN_TIMEOUT_MAX_MS = 300_000;
