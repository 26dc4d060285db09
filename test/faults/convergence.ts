/** L1 and L2: what nodes hold when all is healed, compared with each other and with what is true. */
import type { ProgramName, StampTriple } from "./log-line.js";

export interface HeldInstance {
  readonly stamp: StampTriple;
  readonly state: string;
  readonly liveness: string;
  /** Node that holds its lease. */
  readonly ownerNodeId: string;
  readonly owner: ProgramName;
  readonly serial: number;
}

/** What a node holds, by `service/id`. */
export type NodeContent = Map<string, HeldInstance>;

const DIFFERENCE_COUNT_MAX = 10;

/** L1: what differs between nodes; empty: all hold the same. */
export function differencesOf(contents: ReadonlyMap<string, NodeContent>): string[] {
  const found: string[] = [];
  const [first, ...others] = [...contents];
  if (first === undefined) return [];
  const [firstId, base] = first;
  for (const [nodeId, content] of others) {
    for (const name of new Set([...base.keys(), ...content.keys()])) {
      const left = textOf(base.get(name));
      const right = textOf(content.get(name));
      if (left === right || found.length >= DIFFERENCE_COUNT_MAX) continue;
      found.push(`${name}: ${firstId} holds ${left}, ${nodeId} holds ${right}`);
    }
  }
  return found;
}

/**
 * L2 and S4 at rest: every standing registration is held alive, and no other is shown as alive.
 *
 * @param standing - Program by `service/id`.
 */
export function untruthsOf(
  nodeId: string,
  content: NodeContent,
  standing: ReadonlyMap<string, ProgramName>,
): string[] {
  const found: string[] = [];
  for (const [name, owner] of standing) {
    const held = content.get(name);
    if (held === undefined) found.push(`${nodeId} lacks ${name} of ${owner}`);
    else if (held.liveness !== "alive") found.push(`${nodeId} holds ${name} ${held.liveness}`);
    else if (held.owner !== owner) found.push(`${nodeId} holds ${name} of ${held.owner}`);
  }
  for (const [name, held] of content) {
    const isDead = !standing.has(name) && held.liveness === "alive";
    if (isDead) found.push(`${nodeId} holds ${name} of ${held.owner}, which is gone, as alive`);
  }
  return found.slice(0, DIFFERENCE_COUNT_MAX);
}

function textOf(held: HeldInstance | undefined): string {
  if (held === undefined) return "nothing";
  const { liveness, owner, ownerNodeId, serial, stamp, state } = held;
  return `(${stamp.join(", ")}) ${state} ${liveness} of ${owner} at ${ownerNodeId}, serial ${serial}`;
}
