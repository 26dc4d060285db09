/** How long a command waits for a server. */
export { DRAIN_TIMEOUT_DEFAULT_MS, DRAIN_TIMEOUT_MAX_MS } from "@fpzk/core";

/** Until the answer to a question begins. */
export const ANSWER_TIMEOUT_MS = 10_000;
