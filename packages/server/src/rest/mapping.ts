/** JSON of the HTTP API to and from the registry's values; foreign words stop here. */
import {
  type ContentDigest,
  DRAIN_TIMEOUT_DEFAULT_MS,
  DRAIN_TIMEOUT_MAX_MS,
  type Endpoint,
  hashText,
  type InstanceDescription,
  InstanceState,
  LEASE_TTL_DEFAULT_MS,
  LEASE_TTL_MAX_MS,
  LEASE_TTL_MIN_MS,
  RemovalReason,
  Scope,
  type ViewInstance,
  WEIGHT_DEFAULT,
} from "@fpzk/core";
import type { InstanceAddress, LeaseRegistration } from "../registry-port.js";
import { parseDurationMs } from "./duration.js";
import { inputFault } from "./problem.js";

export type StateName = "up" | "offline" | "draining";

export const STATE_BY_NAME: Readonly<Record<StateName, InstanceState>> = {
  up: InstanceState.up,
  offline: InstanceState.offline,
  draining: InstanceState.draining,
};

const STATE_NAMES = invert(InstanceState);
const REASON_NAMES = invert(RemovalReason);

/** A body that passed the schema of a registration. */
export interface RegistrationBody extends DescriptionBody {
  readonly ttl?: number | string;
  readonly visibility?: "global" | "region";
  readonly state?: "up" | "offline";
}

export interface DescriptionBody {
  readonly group?: string;
  readonly version?: string;
  readonly region?: string;
  readonly zone?: string;
  readonly endpoints?: readonly (Partial<Endpoint> & Pick<Endpoint, "host" | "port">)[];
  readonly weight?: number;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly startWallTime?: number;
}

/** A body that passed the schema of a merge patch. */
export interface PatchBody {
  readonly group?: string | null;
  readonly version?: string | null;
  readonly region?: string | null;
  readonly zone?: string | null;
  readonly endpoints?: DescriptionBody["endpoints"] | null;
  readonly weight?: number | null;
  readonly metadata?: Readonly<Record<string, string | null>> | null;
}

/** What the query of a service may ask for; each an exact match. */
export type ServiceFilter = Readonly<Record<string, string>>;

export function toRegistration(
  address: InstanceAddress,
  body: RegistrationBody,
  nowWallTime: number,
): LeaseRegistration {
  return {
    ...address,
    description: toDescription(body, nowWallTime),
    scope: body.visibility === "region" ? Scope.region : Scope.global,
    state: STATE_BY_NAME[body.state ?? "up"],
    ttlMs: boundedMs("body/ttl", body.ttl ?? LEASE_TTL_DEFAULT_MS, {
      minMs: LEASE_TTL_MIN_MS,
      maxMs: LEASE_TTL_MAX_MS,
    }),
  };
}

export function toDescription(body: DescriptionBody, nowWallTime: number): InstanceDescription {
  return {
    group: body.group ?? "",
    version: body.version ?? "",
    region: body.region ?? "",
    zone: body.zone ?? "",
    endpoints: (body.endpoints ?? []).map(toEndpoint),
    weight: body.weight ?? WEIGHT_DEFAULT,
    metadata: body.metadata ?? {},
    startWallTime: body.startWallTime ?? nowWallTime,
  };
}

/** RFC 7396 on a description: null restores the default, or removes a metadata entry. */
export function mergeDescription(
  current: InstanceDescription,
  patch: PatchBody,
): InstanceDescription {
  const pick = <T>(patched: T | null | undefined, present: T, initial: T): T =>
    patched === undefined ? present : (patched ?? initial);
  return {
    group: pick(patch.group, current.group, ""),
    version: pick(patch.version, current.version, ""),
    region: pick(patch.region, current.region, ""),
    zone: pick(patch.zone, current.zone, ""),
    endpoints: pick(
      patch.endpoints === null ? null : patch.endpoints?.map(toEndpoint),
      current.endpoints,
      [],
    ),
    weight: pick(patch.weight, current.weight, WEIGHT_DEFAULT),
    metadata: mergeMetadata(current.metadata, patch.metadata),
    startWallTime: current.startWallTime,
  };
}

/** The wait of a drain, within its bounds. */
export function toTimeoutMs(value: number | string | undefined): number {
  return boundedMs("body/timeout", value ?? DRAIN_TIMEOUT_DEFAULT_MS, {
    minMs: 0,
    maxMs: DRAIN_TIMEOUT_MAX_MS,
  });
}

export function toInstanceJson(instance: ViewInstance) {
  const { description, stamp } = instance;
  return {
    namespace: instance.namespace,
    service: instance.service,
    id: instance.id,
    stamp: { incarnation: stamp.incarnation, session: stamp.session, claim: stamp.claim },
    since: instance.since,
    state: stateName(instance.state),
    liveness: instance.liveness,
    ...(instance.suspicion === undefined ? {} : { suspicion: instance.suspicion }),
    weight: instance.weight,
    group: description.group,
    version: description.version,
    region: description.region,
    zone: description.zone,
    endpoints: description.endpoints.map(toEndpoint),
    metadata: description.metadata,
    startWallTime: description.startWallTime,
    ownerNodeId: instance.ownerNodeId,
  };
}

export function stateName(state: InstanceState): string {
  return STATE_NAMES.get(state) ?? "up";
}

/** For example `lease-expired`. */
export function reasonName(reason: RemovalReason): string {
  const name = REASON_NAMES.get(reason) ?? "none";
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

export function digestText(digest: ContentDigest): string {
  return hex32(digest.high) + hex32(digest.low);
}

/**
 * Weak, because the answer's resume token moves with writes elsewhere. Liveness is this node's
 * judgement and in no digest, so it is mixed in.
 */
export function entityTag(digest: ContentDigest, instances: readonly ViewInstance[]): string {
  let livenessHash = 0;
  for (const instance of instances) {
    livenessHash = hashText(instance.liveness, hashText(instance.id, livenessHash));
    const { suspicion } = instance;
    if (suspicion === undefined) continue;
    livenessHash = hashText(`${suspicion.reason} ${suspicion.accuserCount}`, livenessHash);
  }
  return `W/"${digestText(digest)}-${hex32(livenessHash)}"`;
}

/** RFC 9110, weak comparison. */
export function matchesEntityTag(ifNoneMatch: string | undefined, tag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  const bare = tag.replace("W/", "");
  return ifNoneMatch
    .split(",")
    .map((part) => part.trim())
    .some((part) => part === "*" || part.replace("W/", "") === bare);
}

export function matchesFilter(instance: ViewInstance, filter: ServiceFilter): boolean {
  return Object.entries(filter).every(([name, wanted]) => {
    if (name === "state") return stateName(instance.state) === wanted;
    if (name.startsWith("metadata.")) {
      const { metadata } = instance.description;
      const key = name.slice("metadata.".length);
      return Object.hasOwn(metadata, key) && metadata[key] === wanted;
    }
    return instance.description[name as "group" | "version" | "region" | "zone"] === wanted;
  });
}

function toEndpoint(input: Partial<Endpoint> & Pick<Endpoint, "host" | "port">): Endpoint {
  return {
    protocol: input.protocol ?? "http",
    host: input.host,
    port: input.port,
    tls: input.tls ?? false,
    reach: input.reach ?? "internal",
  };
}

function mergeMetadata(
  current: Readonly<Record<string, string>>,
  patch: PatchBody["metadata"],
): Record<string, string> {
  if (patch === null) return {};
  const merged = new Map(Object.entries(current));
  for (const [key, value] of Object.entries(patch ?? {})) {
    if (value === null) merged.delete(key);
    else merged.set(key, value);
  }
  return Object.fromEntries(merged);
}

function boundedMs(
  path: string,
  value: number | string,
  bounds: { readonly minMs: number; readonly maxMs: number },
): number {
  const ms = parseDurationMs(value);
  if (ms !== undefined && ms >= bounds.minMs && ms <= bounds.maxMs) return ms;
  const bound = `${bounds.minMs} to ${bounds.maxMs} ms`;
  throw inputFault({ path, value, message: `must be ${bound}`, bound });
}

function hex32(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}

function invert<T extends string, V>(values: Readonly<Record<T, V>>): ReadonlyMap<V, T> {
  return new Map(Object.entries(values).map(([name, value]) => [value as V, name as T]));
}
