/** What the map shows at one moment, as plain values: read from a play, drawn by the map. */
import type { SimClient } from "@fpzk/sim";
import type { Camps } from "../witness/content.js";
import type { Witness } from "../witness/witness.js";
import { type Look, lookOf } from "../witness/wording.js";
import { type Actor, type Condition, conditionOf, isNode, type Role } from "../world/cast.js";
import type { Play } from "../world/play.js";
import { REGIONS } from "../world/town.js";

export interface NodePicture {
  readonly key: string;
  readonly region: string;
  readonly condition: Condition;
  readonly isCutOff: boolean;
  /** Digest of what it holds, and the number of all nodes that hold the same. */
  readonly content: string;
  readonly camp: number;
  readonly sessionCount: number;
  /** Rises with each start; undefined while it is down. */
  readonly generation: number | undefined;
}

/** One instance as a view shows it; without a look it is not in the view. */
export interface Box {
  readonly name: string;
  readonly look: Look | undefined;
}

export interface ClientPicture {
  readonly key: string;
  readonly region: string;
  readonly role: Role;
  readonly condition: Condition;
  readonly isCutOff: boolean;
  /** Node of its session. */
  readonly nodeKey: string | undefined;
  /** What it was told of its own registration: `registered`, `removed` … */
  readonly registration: string | undefined;
  /** Undefined when it watches nothing. */
  readonly view: readonly Box[] | undefined;
  /** The instance that it picked last. */
  readonly picked: string | undefined;
}

/** A connection between two actors, or a cut where one would be. */
export interface WayPicture {
  readonly a: string;
  readonly b: string;
  readonly kind: "link" | "session";
  readonly isConnected: boolean;
  /** What is sent that way waits. */
  readonly isCutThere: boolean;
  readonly isCutBack: boolean;
}

export interface Picture {
  readonly regions: readonly { readonly key: string; readonly isCutOff: boolean }[];
  readonly nodes: readonly NodePicture[];
  readonly clients: readonly ClientPicture[];
  readonly ways: readonly WayPicture[];
  /** Different contents that nodes hold. */
  readonly contentCount: number;
}

/** Instances shown of one view: more have no room on the map. */
const BOX_COUNT_MAX = 12;

export function pictureOf(play: Play, witness: Witness, camps: Camps): Picture {
  const now = play.world.now();
  const actors = play.cast.all;
  const names = witness.names.slice(0, BOX_COUNT_MAX);
  const contents = new Map<string, string>();
  for (const { key, process } of actors) {
    if (process !== undefined && isNode(process)) contents.set(key, witness.content(process));
  }
  const numbers = camps.of([...contents.values()]);
  const nodes: NodePicture[] = [];
  const clients: ClientPicture[] = [];
  for (const actor of actors) {
    const { key, region, role, process } = actor;
    const condition = conditionOf(actor, now);
    const isCutOff = play.town?.isIsolated(key) ?? false;
    if (role === "node") {
      const node = process !== undefined && isNode(process) ? process.node : undefined;
      const sessionCount = node?.sessionCount ?? 0;
      const generation = node?.generation;
      const content = contents.get(key) ?? "";
      const camp = numbers.get(content) ?? 0;
      nodes.push({ key, region, condition, isCutOff, content, camp, sessionCount, generation });
      continue;
    }
    const client = process !== undefined && !isNode(process) ? process : undefined;
    clients.push({
      key,
      region,
      role,
      condition,
      isCutOff,
      nodeKey: client?.machine.connectedNodeId,
      registration: client === undefined ? undefined : registrationOf(client),
      view: client === undefined ? undefined : viewOf(client, names),
      picked: client === undefined ? undefined : witness.lastPick(key),
    });
  }
  const regionKeys = new Set([...REGIONS, ...actors.map(({ region }) => region)]);
  return {
    regions: [...regionKeys].map((key) => ({
      key,
      isCutOff: play.town?.cutRegions.has(key) ?? false,
    })),
    nodes,
    clients,
    ways: waysOf(play, actors),
    contentCount: numbers.size,
  };
}

function registrationOf(client: SimClient): string | undefined {
  return [...client.statuses.values()][0];
}

function viewOf(client: SimClient, names: readonly string[]): readonly Box[] | undefined {
  const services = [...client.viewStates.keys()];
  if (services.length === 0) return undefined;
  const looks = new Map<string, Look>();
  for (const service of services) {
    for (const instance of client.instances(service)) looks.set(instance.id, lookOf(instance));
  }
  return names.map((name) => ({ name, look: looks.get(name) }));
}

function waysOf(play: Play, actors: readonly Actor[]): WayPicture[] {
  const ways = new Map<string, WayPicture>();
  const add = (a: Actor, b: Actor, kind: WayPicture["kind"], isConnected: boolean) => {
    const [first, second] = kind === "session" || a.key < b.key ? [a, b] : [b, a];
    const name = wayKey(first.key, second.key);
    if (ways.has(name)) return;
    const isCut = (from: Actor, to: Actor) =>
      from.process !== undefined &&
      to.process !== undefined &&
      play.world.network.isCut(from.process.id, to.process.id);
    ways.set(name, {
      a: first.key,
      b: second.key,
      kind,
      isConnected,
      isCutThere: isCut(first, second),
      isCutBack: isCut(second, first),
    });
  };
  for (const actor of actors) {
    const { process } = actor;
    if (process === undefined) continue;
    if (isNode(process)) {
      for (const peer of process.links.peers) {
        const other = play.cast.find(peer.id);
        if (other?.process === peer) add(actor, other, "link", true);
      }
      continue;
    }
    const node = play.cast.find(process.machine.connectedNodeId ?? "");
    if (node !== undefined) add(actor, node, "session", true);
  }
  for (const [from, to] of play.town?.cutWays ?? []) {
    const [a, b] = [play.cast.get(from), play.cast.get(to)];
    const client = [a, b].find(({ role }) => role !== "node");
    if (client === undefined) add(a, b, "link", false);
    else add(client, client === a ? b : a, "session", false);
  }
  return [...ways.values()];
}

/** Names a way between two actors, whichever is named first. */
export function wayKey(a: string, b: string): string {
  return a < b ? `${a} – ${b}` : `${b} – ${a}`;
}
