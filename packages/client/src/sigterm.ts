/** Graceful shutdown: on SIGTERM what is registered drains before the process ends. */
import type { FpzkClient } from "./api.js";
import { linger } from "./linger.js";
import { OpenRequests } from "./open-requests.js";

/**
 * Longest wait for requests in work, after the drain. With the default times the whole stays below
 * the 30 s after which many supervisors kill.
 */
const IN_WORK_TIMEOUT_MS = 15_000;

/**
 * On the first SIGTERM: drains; goes on serving for `lingerMs`, because what a caller chose just
 * before it confirmed may still be on its way (a new connection takes a round trip and more);
 * waits until no request of this process's `node:http` servers is in work and `finish`, which ends
 * other servers, has resolved; closes the client. Then
 * ends the process with 0 unless somebody else listens for SIGTERM too: then the end is theirs.
 *
 * @returns Takes the listener away.
 */
export function drainOnSigterm(
  client: Pick<FpzkClient, "drain" | "close">,
  plan: { readonly lingerMs: number; readonly finish?: (() => Promise<unknown>) | undefined },
): () => void {
  const requests = new OpenRequests();
  const leave = async (): Promise<void> => {
    await client.drain();
    await linger(plan.lingerMs);
    await Promise.all([requests.none(IN_WORK_TIMEOUT_MS), finished(plan.finish)]);
    await client.close();
  };
  const listener = (): void => {
    const others = process.listenerCount("SIGTERM");
    void leave().finally(() => {
      if (others === 0) process.exit(0);
    });
  };
  process.once("SIGTERM", listener);
  return () => {
    process.removeListener("SIGTERM", listener);
    requests.close();
  };
}

/** Waits for what the program ends itself; its failure does not keep the process. */
async function finished(finish: (() => Promise<unknown>) | undefined): Promise<void> {
  if (finish === undefined) return;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, IN_WORK_TIMEOUT_MS);
  });
  await Promise.race([
    Promise.resolve()
      .then(finish)
      .catch(() => {}),
    late,
  ]);
  clearTimeout(timer);
}
