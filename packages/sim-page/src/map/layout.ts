/** Where everything stands on the map: regions apart, nodes in their middle, clients around them. */
import type { Role } from "../world/cast.js";

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Place extends Point {
  readonly radius: number;
}

export interface Layout {
  readonly regions: ReadonlyMap<string, Place>;
  readonly actors: ReadonlyMap<string, Point>;
  readonly nodeRadius: number;
}

export interface Resident {
  readonly key: string;
  readonly role: Role;
  readonly region: string;
}

/** Free border around regions, where their names stand. */
const MARGIN_PX = 14;
/** As shares of the region's radius. */
const NODE_RING_RATIO = 0.36;
const CLIENT_RING_RATIO = 0.76;
const NODE_RADIUS_RATIO = 0.135;
/** Between neighbouring clients, while there are few. */
const CLIENT_STEP_DEGREES = 62;

/** Lays out up to any number of regions: three stand in a triangle, the second at the top. */
export function layOut(
  size: Size,
  regionKeys: readonly string[],
  all: readonly Resident[],
): Layout {
  const regions = new Map<string, Place>();
  const actors = new Map<string, Point>();
  const radius = Math.max(
    60,
    Math.min((size.width - 2 * MARGIN_PX) * 0.212, (size.height - 2 * MARGIN_PX) * 0.248),
  );
  const middle = { x: size.width / 2, y: size.height / 2 };
  const reach = {
    x: Math.min(size.width / 2 - radius - MARGIN_PX, radius * 2.6),
    y: Math.min(size.height / 2 - radius - MARGIN_PX, radius * 1.15),
  };
  for (const [index, key] of regionKeys.entries()) {
    const outward = outwardDegrees(index, regionKeys.length);
    const towards = direction(outward);
    // A triangle stands on its side: its two lower corners go all the way out.
    const stretch = regionKeys.length === 3 && index !== 1 ? 1 / Math.cos(Math.PI / 6) : 1;
    const drop = regionKeys.length === 3 && index !== 1 ? 2 : 1;
    const place = {
      x: middle.x + towards.x * reach.x * stretch,
      y: middle.y + towards.y * reach.y * drop,
      radius,
    };
    regions.set(key, place);
    const residents = all.filter(({ region }) => region === key).sort(byRoleAndName);
    const nodes = residents.filter(({ role }) => role === "node");
    for (const [number, { key: node }] of nodes.entries()) {
      const angle = outward + 180 + (number * 360) / nodes.length;
      actors.set(node, along(place, angle, radius * NODE_RING_RATIO));
    }
    const clients = residents.filter(({ role }) => role !== "node");
    const step = Math.min(CLIENT_STEP_DEGREES, 360 / Math.max(1, clients.length));
    for (const [number, { key: client }] of clients.entries()) {
      const angle = outward + (number - (clients.length - 1) / 2) * step;
      actors.set(client, along(place, angle, radius * CLIENT_RING_RATIO));
    }
  }
  return { regions, actors, nodeRadius: Math.max(11, radius * NODE_RADIUS_RATIO) };
}

/** Where a region lies as seen from the middle: 0 right, 90 down. */
function outwardDegrees(index: number, count: number): number {
  return count === 3 ? 150 + index * 120 : 180 + (index * 360) / count;
}

function along(from: Point, degrees: number, length: number): Point {
  const towards = direction(degrees);
  return { x: from.x + towards.x * length, y: from.y + towards.y * length };
}

function direction(degrees: number): Point {
  const radians = (degrees * Math.PI) / 180;
  return { x: Math.cos(radians), y: Math.sin(radians) };
}

/** Programs at both ends, those who look on between them. */
function byRoleAndName(a: Resident, b: Resident): number {
  const rank = ({ role }: Resident) => (role === "caller" ? 1 : role === "proxy" ? 2 : 0);
  return rank(a) - rank(b) || (a.key < b.key ? -1 : 1);
}
