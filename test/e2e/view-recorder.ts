/** Records what a subscription showed and when, so that a test can judge all of it afterwards. */
import type { FpzkClient, ServiceSubscription, ViewChange } from "@fpzk/client";

export interface Recorded {
  readonly at: number;
  readonly change: ViewChange;
}

export class ViewRecorder {
  readonly view: ServiceSubscription;
  readonly recorded: Recorded[] = [];
  /** Fewest instances shown since {@link watchMinimum}. */
  minimumCount = Number.POSITIVE_INFINITY;
  readonly #client: FpzkClient;
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;

  constructor(client: FpzkClient, service: string) {
    this.#client = client;
    this.view = client.subscribe(service);
    this.#done = this.#read();
  }

  get connectedNodeId(): string | undefined {
    return this.#client.connectedNodeId;
  }

  get ids(): string[] {
    return this.view.instances.map((instance) => instance.id);
  }

  livenessOf(id: string): string | undefined {
    return this.view.instances.find((instance) => instance.id === id)?.liveness;
  }

  /** Ids that were shown as removed, in order. */
  get removals(): { id: string; reason: string }[] {
    return this.recorded.flatMap(({ change }) =>
      change.type === "removed" ? [{ id: change.instance.id, reason: change.reason }] : [],
    );
  }

  /** From now on {@link minimumCount} holds the fewest instances shown. */
  watchMinimum(): void {
    this.minimumCount = this.view.instances.length;
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#done;
    this.view.close();
  }

  async #read(): Promise<void> {
    try {
      for await (const change of this.view.changes({ signal: this.#abort.signal })) {
        this.recorded.push({ at: performance.now(), change });
        this.minimumCount = Math.min(this.minimumCount, this.view.instances.length);
      }
    } catch (error) {
      if (!this.#abort.signal.aborted) throw error;
    }
  }
}
