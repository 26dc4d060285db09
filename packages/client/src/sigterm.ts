/** Graceful shutdown: on SIGTERM what is registered drains before the process ends. */
import type { FpzkClient } from "./api.js";

/**
 * Drains and closes the client on the first SIGTERM, then ends the process with 0 unless somebody
 * else listens for SIGTERM too: then the end is theirs.
 *
 * @returns Takes the listener away.
 */
export function drainOnSigterm(client: Pick<FpzkClient, "drain" | "close">): () => void {
  const listener = (): void => {
    const others = process.listenerCount("SIGTERM");
    void client
      .drain()
      .then(() => client.close())
      .finally(() => {
        if (others === 0) process.exit(0);
      });
  };
  process.once("SIGTERM", listener);
  return () => process.removeListener("SIGTERM", listener);
}
