/** Counts the requests that this process's `node:http` servers have in work. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ServerResponse } from "node:http";

const CHANNEL = "http.server.request.start";

export class OpenRequests {
  #count = 0;
  #onNone: (() => void) | undefined;
  readonly #onStart = (message: unknown): void => {
    const { response } = message as { response: ServerResponse };
    this.#count += 1;
    // Comes once, also when the caller went away.
    response.once("close", () => {
      this.#count -= 1;
      if (this.#count === 0) this.#onNone?.();
    });
  };

  constructor() {
    subscribe(CHANNEL, this.#onStart);
  }

  get count(): number {
    return this.#count;
  }

  /** Resolves when none is in work, or after the time. */
  async none(timeoutMs: number): Promise<void> {
    if (this.#count === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#onNone = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Counts no more. */
  close(): void {
    unsubscribe(CHANNEL, this.#onStart);
  }
}
