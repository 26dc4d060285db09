/** What each living program wants to have registered, as it asked for it. */
import type { ClientEvent, RegistrationStatus, Scope } from "@fpzk/core";
import type { Beginnings } from "./beginnings.js";
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
  /** Per living client: name → wish. */
  readonly #wishes = new Map<Client, Map<string, Wish<Client>>>();
  /** name → the latest process that ever asked for it, dead or alive. */
  readonly #latest = new Map<string, number>();
  /** name → processes that ever held it, dead or alive. */
  readonly #holders = new Map<string, Set<Client>>();
  readonly #beginnings: Beginnings;

  constructor(beginnings: Beginnings) {
    this.#beginnings = beginnings;
  }

  clientStarted(client: Client): void {
    this.#wishes.set(client, new Map());
  }

  /** A process has begun: what it asked for before counts from then. */
  began(client: Client): void {
    for (const name of this.#wishes.get(client)?.keys() ?? []) this.#askedBy(client, name);
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
    this.#askedBy(client, nameOf(event));
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
    if (status !== "registered") return;
    const holders = this.#holders.get(nameOf(instance)) ?? new Set<Client>();
    this.#holders.set(nameOf(instance), holders);
    holders.add(client);
  }

  /** Whether a later process than a wish's ever asked for the name. */
  hasSuccessor(wish: Wish<Client>): boolean {
    return (this.#latest.get(nameOf(wish)) ?? 0) > this.#beginnings.orderOf(wish.client);
  }

  /** Why a process that began before may keep the name; undefined when nothing excuses that. */
  excuseOf(wish: Wish<Client>): string | undefined {
    for (const holder of this.#holders.get(nameOf(wish)) ?? []) {
      const excuse = this.#beginnings.excuseOf(wish.client, holder);
      if (excuse !== undefined) return excuse;
    }
    return undefined;
  }

  /** By name, the wishes of all living programs, the earliest process first. */
  byName(): Map<string, Wish<Client>[]> {
    const found = new Map<string, Wish<Client>[]>();
    for (const wishes of this.#wishes.values()) {
      for (const [name, wish] of wishes) found.set(name, [...(found.get(name) ?? []), wish]);
    }
    const orderOf = ({ client }: Wish<Client>) => this.#beginnings.orderOf(client);
    for (const all of found.values()) all.sort((a, b) => orderOf(a) - orderOf(b));
    return found;
  }

  #askedBy(client: Client, name: string): void {
    const order = this.#beginnings.orderOf(client);
    this.#latest.set(name, Math.max(order, this.#latest.get(name) ?? 0));
  }
}
