/** Who appears on the map: nodes and programs, each with the process that plays it at the moment. */
import type { SimClient, SimNode, World } from "@fpzk/sim";

/** `program` registers an instance, `caller` and `proxy` only hold views. */
export type Role = "node" | "program" | "caller" | "proxy";

export interface Actor {
  /** Names it on the map, whichever process plays it: `us-1`, `A`, `caller-us`. */
  readonly key: string;
  readonly role: Role;
  /** A program that moves changes it. */
  region: string;
  /** The running process; undefined while there is none. */
  process: SimNode | SimClient | undefined;
}

/** How an actor's process is. */
export type Condition = "up" | "warming up" | "frozen" | "down";

/** The actors of one world. */
export class Cast {
  readonly #actors = new Map<string, Actor>();

  get all(): readonly Actor[] {
    return [...this.#actors.values()];
  }

  find(key: string): Actor | undefined {
    return this.#actors.get(key);
  }

  get(key: string): Actor {
    const actor = this.#actors.get(key);
    if (actor === undefined) throw new Error(`nobody on the map is called ${key}`);
    return actor;
  }

  /** An actor by key, made when there is none yet. */
  enter(key: string, role: Role, region: string): Actor {
    const known = this.#actors.get(key);
    if (known !== undefined) {
      known.region = region;
      return known;
    }
    const actor: Actor = { key, role, region, process: undefined };
    this.#actors.set(key, actor);
    return actor;
  }

  /** Follows which processes start and end in a world. */
  follow(world: World): void {
    world.observe({
      nodeStarted: (node) => {
        this.enter(node.id, "node", node.region).process = node;
      },
      nodeEnded: (node) => this.#leave(node.id, node),
      clientStarted: (client) => {
        const key = keyOf(client.id);
        this.enter(key, roleOf(key), client.region).process = client;
      },
      clientEnded: (client) => this.#leave(keyOf(client.id), client),
    });
  }

  #leave(key: string, process: SimNode | SimClient): void {
    const actor = this.#actors.get(key);
    // A later process with the same id may have taken its place.
    if (actor?.process === process) actor.process = undefined;
  }
}

/** The actor that a process plays: a client id is its name and the number of its life. */
export function keyOf(processId: string): string {
  return processId.replace(/\.\d+$/, "");
}

/** Callers and proxies are told by their names: `caller-us`, `proxy8`. */
export function roleOf(clientKey: string): Role {
  if (clientKey.startsWith("caller")) return "caller";
  return clientKey.startsWith("proxy") ? "proxy" : "program";
}

export function isNode(process: SimNode | SimClient): process is SimNode {
  return "node" in process;
}

export function conditionOf(actor: Actor, now: number): Condition {
  const { process } = actor;
  if (process === undefined || !process.isUp) return "down";
  if (process.frozenUntil > now) return "frozen";
  return isNode(process) && !process.node.isReady ? "warming up" : "up";
}
