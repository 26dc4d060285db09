/** The way in: `connect` makes a client and waits until it is of use. */
import { ERROR_CODES, ErrorCode, RegistryError } from "@fpzk/core";
import type { ConnectOptions, FpzkClient } from "./api.js";
import { Client } from "./client.js";
import { type ClientOptions, completeOptions } from "./options.js";
import { drainOnSigterm } from "./sigterm.js";

/**
 * Connects to the registry.
 *
 * Resolves when a server has welcomed this process; or, where views were saved earlier and every
 * server has been tried in vain, with those: they are served until a server answers.
 *
 * @throws {@link RegistryError} `invalid_argument` for wrong options; `unavailable` when no server
 * was reached within `connectTimeoutMs`, naming each and why; `unauthenticated` and the like at
 * once when a server refuses for good; `cancelled` when `signal` aborts.
 */
export async function connect(options: ConnectOptions = {}): Promise<FpzkClient> {
  const complete = completeOptions(options);
  throwIfAborted(options.signal);
  const client = new Client(complete);
  try {
    await open(client, complete, options.signal);
  } catch (error) {
    await client.close();
    throw error;
  }
  if (complete.drainsOnSigterm) client.onClose(drainOnSigterm(client, complete));
  return client;
}

function open(
  client: Client,
  options: ClientOptions,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const failures = new Map<string, string>();
    let seedCount = Number.POSITIVE_INFINITY;
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      settle();
    };
    const abort = (): void => finish(() => reject(abortedError(signal)));
    const giveUp = (): void => {
      if (client.savedCount > 0) finish(resolve);
      else finish(() => reject(unreachableError(failures, options)));
    };
    const timer = setTimeout(giveUp, options.connectTimeoutMs);
    signal?.addEventListener("abort", abort, { once: true });
    client
      .start({
        online: () => finish(resolve),
        seeds: (servers) => {
          seedCount = servers.length;
        },
        serverFailed: (address, code, message) => {
          failures.set(address, message);
          if (!ERROR_CODES[code].isRetryable) {
            // A node's message may begin with the code, as that of a RegistryError does.
            const text = `connect to ${address}: ${message.replace(`[${code}] `, "")}`;
            finish(() => reject(new RegistryError(code, text)));
          } else if (failures.size >= seedCount && client.savedCount > 0) {
            finish(resolve);
          }
        },
      })
      .catch((error: unknown) => finish(() => reject(RegistryError.from(error))));
  });
}

function unreachableError(
  failures: ReadonlyMap<string, string>,
  { servers, connectTimeoutMs }: ClientOptions,
): RegistryError {
  const tried = [...failures].map(([address, message]) => `${address} (${message})`);
  const named = servers.map(({ host, port }) => `${host}:${port}`);
  const text = tried.length > 0 ? tried.join(", ") : `${named.join(", ")} (no answer yet)`;
  return new RegistryError(
    ErrorCode.unavailable,
    `connect: no server answered within ${connectTimeoutMs} ms; tried ${text}`,
  );
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortedError(signal);
}

function abortedError(signal: AbortSignal | undefined): RegistryError {
  return new RegistryError(ErrorCode.cancelled, "connect was aborted", { cause: signal?.reason });
}
