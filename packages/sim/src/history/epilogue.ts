/**
 * How a history ends: in a world that is whole again, all programs go but one, and that one sees
 * them go, each in the way and within the time that docs/leases.md says.
 *
 * Whatever the faults left behind in nodes and clients shows here: a lease that hangs on nothing, a
 * session that nobody holds, a drain that waits for somebody who is gone.
 *
 * L3: the drain is confirmed by everybody, once nodes have given up the sessions that faults ended. L2b: who is killed is suspect at once, whose host is
 * lost when its ttl is over. L2: they are gone after grace or confirmation; but what a region's own
 * left behind before, in a region where its node died and that the last one comes home to, has the
 * times of orphans, and shows so. Where the last one itself waited for a name that another held, it claims it at
 * the other's end, and rightly shows it alive, above. L4: nodes hold no
 * more sessions, leases and links than the world that is left calls for.
 */
import { compareStamps, InstanceState, Liveness, type NodeConfig, type Stamp } from "@fpzk/core";
import type { Oracles } from "../oracles/oracles.js";
import type { SimClient } from "../world/sim-client.js";
import type { SimNode } from "../world/sim-node.js";
import type { World } from "../world/world.js";
import type { Draw } from "./draw.js";

/** Links are dialed again after 5 s at the latest; surplus ones are closed meanwhile. */
const SETTLE_MS = 7_000;
/** Longest way of word: program, its node, a relay, the other's node, the other. */
const WIRES_MS = 500;
/** Clocks may run so much too slow. */
const SLOW_RATE = 0.95;
const DRAIN_TIMEOUT_MS = 5_000;
const LOST_COUNT_MAX = 2;
const LOOK_INTERVAL_MS = 250;
/** Pauses of self-doubt, and the windows between them, that may be left. */
const PAUSE_COUNT = 5;

/** An instance whose program goes, as the last one that is left has seen it. */
interface Departure {
  readonly service: string;
  readonly id: string;
  readonly clientId: string;
  readonly stamp: Stamp;
  readonly isHostLost: boolean;
}

export class Epilogue {
  readonly #world: World;
  readonly #oracles: Oracles;
  readonly #draw: Draw;

  constructor(world: World, oracles: Oracles, draw: Draw) {
    this.#world = world;
    this.#oracles = oracles;
    this.#draw = draw;
  }

  /** Each value is how long the world must run before the next step. */
  *acts(): Generator<number, void> {
    const clients = [...this.#world.clients.values()];
    const last = clients.at(-1);
    if (last === undefined) return;
    yield SETTLE_MS;
    yield* this.#awaitTheGone();
    this.#oracles.calm();
    yield* this.#drainOne(
      clients.find((client) => client !== last && nameOf(client) !== undefined),
    );
    const departures = this.#endAllBut(last);
    const { config } = this.#world;
    yield WIRES_MS;
    this.#expectSuspect(last, departures, false);
    const silenceMs = config.sessionTtlMs / SLOW_RATE;
    if (departures.some(({ isHostLost }) => isHostLost)) {
      yield silenceMs;
      this.#expectSuspect(last, departures, true);
    }
    yield* this.#awaitGone(last, departures, longestMs(config));
    yield* this.#awaitLevel(last, longestMs(config));
    this.#oracles.storm();
  }

  /**
   * A node that many fell silent at goes on with a few at a time: until it has given up the last of
   * those that the faults took, a drain rightly names them.
   */
  *#awaitTheGone(): Generator<number, void> {
    const { config, clients, nodes } = this.#world;
    const isSurplus = ({ id, node }: SimNode) => {
      const here = [...clients.values()].filter(({ machine }) => machine.connectedNodeId === id);
      return node.sessionCount > here.length;
    };
    const maxMs = PAUSE_COUNT * 2 * config.sessionTtlMs + longestMs(config);
    for (let left = maxMs; left > 0 && [...nodes.values()].some(isSurplus); ) {
      left -= LOOK_INTERVAL_MS;
      yield LOOK_INTERVAL_MS;
    }
  }

  *#drainOne(client: SimClient | undefined): Generator<number, void> {
    const name = client === undefined ? undefined : nameOf(client);
    if (client === undefined || name === undefined) return;
    const commandId = client.command({ type: "drain", ...name, timeoutMs: DRAIN_TIMEOUT_MS });
    const isOver = () => client.outcomes.has(commandId);
    for (let left = DRAIN_TIMEOUT_MS + 1_000; left > 0 && !isOver(); left -= LOOK_INTERVAL_MS) {
      yield LOOK_INTERVAL_MS;
    }
    const outcome = client.outcomes.get(commandId);
    const isConfirmed = outcome?.kind === "drained" && outcome.unconfirmed.length === 0;
    if (isConfirmed) return;
    const what = outcome === undefined ? "no answer" : JSON.stringify(outcome);
    const text = `${client.id} drained ${name.service}/${name.id} in a whole world: ${what}`;
    this.#oracles.fail("L3", text);
  }

  #endAllBut(last: SimClient): Departure[] {
    const departures: Departure[] = [];
    let lostCount = this.#draw.chance(0.4) ? this.#draw.count(1, LOST_COUNT_MAX) : 0;
    for (const client of [...this.#world.clients.values()]) {
      if (client === last) continue;
      const isHostLost = lostCount > 0 && nameOf(client) !== undefined;
      if (isHostLost) lostCount -= 1;
      for (const [name, status] of client.statuses) {
        const [service = "", id = ""] = name.split("/");
        const shown = shownTo(last, { service, id });
        // Of two regions' own instances of one id the last one holds its own, and goes on.
        if (status !== "registered" || last.statuses.get(name) === "registered") continue;
        if (shown?.liveness !== Liveness.alive) continue;
        // And it may see that of a program in its own region, for one that ends elsewhere.
        const home = this.#regionOf(client.machine.connectedNodeId);
        if (home !== this.#regionOf(shown.ownerNodeId)) continue;
        departures.push({ service, id, clientId: client.id, stamp: shown.stamp, isHostLost });
      }
      this.#world.crashClient(client.id, isHostLost);
    }
    return departures;
  }

  #regionOf(nodeId: string | undefined): string | undefined {
    return this.#world.nodes.get(nodeId ?? "")?.region;
  }

  #expectSuspect(last: SimClient, departures: readonly Departure[], isHostLost: boolean): void {
    for (const departure of departures) {
      if (departure.isHostLost !== isHostLost) continue;
      const shown = shownTo(last, departure);
      if (shown === undefined || shown.liveness === Liveness.suspect) continue;
      if (hasTakenOver(last, departure) || isLeftBehind(shown, departure)) continue;
      const how = isHostLost ? "lost with its host for a ttl" : "killed";
      const text = `${departure.service}/${departure.id} of ${departure.clientId} was ${how}, and ${last.id} still sees it ${shown.liveness}`;
      this.#oracles.fail("L2b", text);
    }
  }

  *#awaitGone(
    last: SimClient,
    departures: readonly Departure[],
    longestMs: number,
  ): Generator<number, void> {
    const isThere = (departure: Departure) => {
      if (hasTakenOver(last, departure)) return false;
      const stamp = shownTo(last, departure)?.stamp;
      return stamp !== undefined && compareStamps(stamp, departure.stamp) >= 0;
    };
    const remaining = () => departures.find(isThere);
    for (let left = longestMs; left > 0 && remaining() !== undefined; left -= LOOK_INTERVAL_MS) {
      yield LOOK_INTERVAL_MS;
    }
    const departure = remaining();
    if (departure === undefined) return;
    const shown = shownTo(last, departure);
    const how = departure.isHostLost ? "lost with its host" : "killed";
    const text = `${departure.service}/${departure.id} of ${departure.clientId}, ${how}, is ${shown?.liveness} for ${last.id} ${longestMs.toFixed(0)} ms later`;
    this.#oracles.fail("L2", text);
  }

  *#awaitLevel(last: SimClient, longestMs: number): Generator<number, void> {
    for (
      let left = longestMs;
      left > 0 && this.#excess(last) !== undefined;
      left -= LOOK_INTERVAL_MS
    ) {
      yield LOOK_INTERVAL_MS;
    }
    const excess = this.#excess(last);
    if (excess !== undefined) this.#oracles.fail("L4", excess);
  }

  /** What a node holds though nobody is left to hold it for. */
  #excess(last: SimClient): string | undefined {
    for (const { id, node } of this.#world.nodes.values()) {
      const sessionCount = last.machine.connectedNodeId === id ? 1 : 0;
      if (node.sessionCount > sessionCount) {
        return `${id} holds ${node.sessionCount} sessions, and ${sessionCount} programs are there`;
      }
      const leaseCount = sessionCount + ownLiveCount(node);
      if (node.leaseCount > leaseCount) {
        return `${id} holds ${node.leaseCount} leases, for ${leaseCount} sessions and instances`;
      }
      if (node.linkCount >= this.#world.nodes.size) {
        return `${id} has ${node.linkCount} links, among ${this.#world.nodes.size} nodes`;
      }
    }
    return undefined;
  }
}

/** Until all are gone: silence, confirmation, and a pause of self-doubt that the faults left. */
function longestMs(config: NodeConfig): number {
  const leaseMs = Math.max(config.reconnectGraceMs, config.confirmationMs) / SLOW_RATE;
  return leaseMs + 2 * config.sessionTtlMs + 2 * WIRES_MS;
}

/** The instance that a program holds. */
function nameOf(client: SimClient): { service: string; id: string } | undefined {
  for (const [name, status] of client.statuses) {
    const [service = "", id = ""] = name.split("/");
    if (status === "registered") return { service, id };
  }
  return undefined;
}

/** Whether the last one holds the name by now, and its view shows that and not the one that went. */
export function hasTakenOver(
  last: Viewer & { readonly statuses: ReadonlyMap<string, string> },
  departure: Pick<Departure, "service" | "id" | "stamp">,
): boolean {
  const stamp = shownTo(last, departure)?.stamp;
  const isOwn = last.statuses.get(`${departure.service}/${departure.id}`) === "registered";
  return isOwn && stamp !== undefined && compareStamps(stamp, departure.stamp) > 0;
}

/**
 * Whether what shows is what a region's own left behind, in a region that the last one came home to
 * only then: no view goes back in one region (S3), and that one's owner is gone.
 */
export function isLeftBehind(
  shown: Shown & { readonly liveness: Liveness },
  departure: Pick<Departure, "stamp">,
): boolean {
  const isBelow = compareStamps(shown.stamp, departure.stamp) < 0;
  return isBelow && shown.liveness === Liveness.orphaned;
}

interface Viewer<T extends Shown = Shown> {
  instances(service: string): readonly T[];
}
type Shown = Pick<Departure, "id" | "stamp">;

function shownTo<T extends Shown>(
  last: Viewer<T>,
  { service, id }: Pick<Departure, "service" | "id">,
): T | undefined {
  return last.instances(service).find((shown) => shown.id === id);
}

/** Live instances that this life of a node wrote: leases without a session hang on such. */
function ownLiveCount({ nodeId, generation, table }: SimNode["node"]): number {
  let count = 0;
  for (const slot of table.slots()) {
    const { origin, state } = table.read(slot);
    const isOwn = origin.nodeId === nodeId && origin.generation === generation;
    if (isOwn && state !== InstanceState.removed) count += 1;
  }
  return count;
}
