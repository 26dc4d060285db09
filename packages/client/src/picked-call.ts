import type { CallResult, EndedCall, ViewInstance } from "@fpzk/core";
import type { Picked } from "./api.js";
import { endpointUrl } from "./endpoint-choice.js";

/** What a picked call needs of its subscription. */
export interface PickedCallOwner {
  now(): number;
  ended(call: EndedCall): void;
}

/** One call under way: measures its latency and ends once. */
export class PickedCall implements Picked {
  readonly instance: ViewInstance;
  readonly endpoint: Picked["endpoint"];
  readonly #owner: PickedCallOwner;
  readonly #begin: number;
  #latencyMs: number | undefined;
  #isReleased = false;

  constructor(instance: ViewInstance, endpoint: Picked["endpoint"], owner: PickedCallOwner) {
    this.instance = instance;
    this.endpoint = endpoint;
    this.#owner = owner;
    this.#begin = owner.now();
  }

  get url(): string {
    return endpointUrl(this.endpoint);
  }

  answered(): void {
    this.#latencyMs ??= this.#owner.now() - this.#begin;
  }

  release(result?: CallResult): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.answered();
    this.#owner.ended({ instance: this.instance, result, latencyMs: this.#latencyMs ?? 0 });
  }
}
