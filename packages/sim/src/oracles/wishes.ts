/** What each living program wants to have registered, as it asked for it. */
import type { ClientEvent, RegistrationStatus, Scope } from "@fpzk/core";
import { nameOf } from "./record-order.js";
import type { SeenClient } from "./seen.js";

/** One registration that a program asked for and did not take back. */
export interface Wish<Client extends SeenClient> {
  readonly client: Client;
  readonly service: string;
  readonly id: string;
  readonly scope: Scope;
  /** What the program was last told of it. */
  status: RegistrationStatus;
}

export class Wishes<Client extends SeenClient> {
  /** Per living client, in the order in which nodes welcomed them: name → wish. */
  readonly #wishes = new Map<Client, Map<string, Wish<Client>>>();
  /** name → the latest process that ever asked for it, dead or alive. */
  readonly #latest = new Map<string, number>();
  readonly #welcomed = new Set<Client>();
  /** Clients that were welcomed, in the order of that. */
  readonly #begins = new Map<Client, number>();
  #beginCount = 0;

  clientStarted(client: Client): void {
    this.#wishes.set(client, new Map());
  }

  /** A process begins, for the registry, when a node first welcomes it. */
  welcomed(client: Client): void {
    const wishes = this.#wishes.get(client);
    if (wishes === undefined || this.#welcomed.has(client)) return;
    this.#welcomed.add(client);
    this.#wishes.delete(client);
    this.#wishes.set(client, wishes);
    this.#beginCount += 1;
    this.#begins.set(client, this.#beginCount);
    for (const name of wishes.keys()) this.#latest.set(name, this.#beginCount);
  }

  clientEnded(client: Client): void {
    this.#wishes.delete(client);
  }

  asked(client: Client, event: ClientEvent): void {
    const wishes = this.#wishes.get(client);
    if (wishes === undefined) return;
    if (event.type === "close") wishes.clear();
    if (event.type === "deregister") wishes.delete(nameOf(event));
    if (event.type !== "register") return;
    const { service, id, scope } = event;
    const start = this.#begins.get(client) ?? 0;
    this.#latest.set(nameOf(event), Math.max(start, this.#latest.get(nameOf(event)) ?? 0));
    const known = wishes.get(nameOf(event));
    if (known?.status === "registered") return;
    wishes.set(nameOf(event), { client, service, id, scope, status: "registering" });
  }

  registration(
    client: Client,
    instance: { readonly service: string; readonly id: string },
    status: RegistrationStatus,
  ): void {
    const wish = this.#wishes.get(client)?.get(nameOf(instance));
    if (wish !== undefined) wish.status = status;
  }

  /** Whether a later process than a wish's ever asked for the name. */
  hasSuccessor(wish: Wish<Client>): boolean {
    return (this.#latest.get(nameOf(wish)) ?? 0) > (this.#begins.get(wish.client) ?? 0);
  }

  /** By name, the wishes of all living programs, the earliest process first. */
  byName(): Map<string, Wish<Client>[]> {
    const found = new Map<string, Wish<Client>[]>();
    for (const wishes of this.#wishes.values()) {
      for (const [name, wish] of wishes) found.set(name, [...(found.get(name) ?? []), wish]);
    }
    return found;
  }
}
