/**
 * Writes route sets: what operators say of where requests go, kept and spread as every record is.
 *
 * Any node takes it and speaks for itself (P1); of two words on one name the later counts, as with
 * overrides. What the routes say was checked by whoever asks; core keeps bytes.
 */
import { ErrorCode, type Refusal } from "../errors.js";
import type { HybridClock } from "../hlc.js";
import { NAME_MAX_BYTES, RECORD_COUNT_MAX, ROUTE_SET_COUNT_MAX } from "../limits.js";
import {
  InstanceState,
  type RecordKey,
  RecordKind,
  RemovalReason,
  ROUTE_SET_SERVICE,
  routeSetId,
  Scope,
  type Stamp,
} from "../record.js";
import type { Replica } from "../replica/replica.js";
import { NO_SLOT } from "../table/record-table.js";
import { utf8ByteLength } from "../table/utf8.js";
import type { Instant } from "../time.js";
import type { Command } from "./events.js";
import { stampOfWord } from "./last-writer.js";

type RouteSetCommand = Extract<Command, { kind: "route-set" }>;

/** Where a route set is kept. */
export function routeSetKey(namespace: string, name: string): RecordKey {
  const id = routeSetId(namespace, name);
  const service = ROUTE_SET_SERVICE;
  return { kind: RecordKind.routeSet, scope: Scope.global, namespace, service, id };
}

/** Writes a route set, or its tombstone. */
export function writeRouteSet(
  command: RouteSetCommand,
  ports: { readonly replica: Replica; readonly clock: HybridClock },
  now: Instant,
): { readonly stamp: Stamp } | Refusal {
  const { namespace, name, body } = command;
  const { replica } = ports;
  const key = routeSetKey(namespace, name);
  const slot = replica.find(key);
  const isLive = slot !== NO_SLOT && replica.table.state(slot) !== InstanceState.removed;
  const fault = isLive ? undefined : faultOfNew(command, key, replica);
  if (fault !== undefined) return fault;
  const stamp = stampOfWord(key, ports);
  if (stamp === undefined) {
    const message = `route set ${key.id} has the last stamp there is, and cannot be replaced`;
    return { code: ErrorCode.outOfRange, message };
  }
  replica.write(
    {
      ...key,
      stamp,
      state: body === undefined ? InstanceState.removed : InstanceState.up,
      isSuspect: false,
      reason: body === undefined ? RemovalReason.operator : RemovalReason.none,
      since: 0,
      body: body ?? new Uint8Array(0),
    },
    now,
  );
  return { stamp };
}

/** Why there cannot be a route set that there is not yet. */
function faultOfNew(
  { namespace, name, body }: RouteSetCommand,
  { id }: RecordKey,
  { table }: Replica,
): Refusal | undefined {
  if (body === undefined) {
    const message = `route set ${name} in namespace ${namespace} is not there: nothing to delete`;
    return { code: ErrorCode.notFound, message };
  }
  if (utf8ByteLength(id) > NAME_MAX_BYTES) {
    const message = `route set ${id}: namespace and name must have at most ${NAME_MAX_BYTES - 1} bytes together`;
    return { code: ErrorCode.invalidArgument, message };
  }
  const index = table.findService(namespace, ROUTE_SET_SERVICE);
  const count = index < 0 ? 0 : table.liveCountOf(index);
  const isFull = table.liveCount + table.tombstoneCount >= RECORD_COUNT_MAX;
  if (!isFull && count < ROUTE_SET_COUNT_MAX) return undefined;
  const what = isFull
    ? `records of this node are limited to ${RECORD_COUNT_MAX}`
    : `route sets of namespace ${namespace} are limited to ${ROUTE_SET_COUNT_MAX}`;
  return { code: ErrorCode.resourceExhausted, message: `cannot add ${name}: ${what}; delete some` };
}
