/**
 * Which instances an operator's drain of many is about, and how many of a service may be out.
 *
 * Everything here is a pure function of what the answering node shows.
 */
import { InstanceState, Liveness, type ViewInstance } from "@fpzk/core";

/** Each given part must be equal; `host` is that of one of the instance's endpoints. */
export interface DrainSelector {
  readonly service?: string;
  readonly version?: string;
  readonly region?: string;
  readonly zone?: string;
  readonly host?: string;
}

/** A bound on the instances of one service that are out at once: a count, or a share of all. */
export type MaxUnavailable = { readonly count: number } | { readonly share: number };

export interface ServiceRoom {
  /** Instances of the service. */
  readonly totalCount: number;
  /** Of these, the ones that callers are given. */
  readonly upCount: number;
  /** How many more may be taken out. */
  readonly roomCount: number;
}

export function isSelected({ description }: ViewInstance, selector: DrainSelector): boolean {
  const { version, region, zone, host } = selector;
  if (version !== undefined && description.version !== version) return false;
  if (region !== undefined && description.region !== region) return false;
  if (zone !== undefined && description.zone !== zone) return false;
  if (host === undefined) return true;
  return description.endpoints.some((endpoint) => endpoint.host === host);
}

/** Whether callers are given it: up, and not suspected of being gone. */
export function isServing({ state, liveness }: ViewInstance): boolean {
  return state === InstanceState.up && liveness !== Liveness.suspect;
}

/**
 * How many instances of a service may still be taken out.
 *
 * @param leaving - Ids whose drain has begun, whatever the view shows of them yet.
 * @param max - Undefined: one instance must stay up.
 */
export function roomOf(
  instances: readonly ViewInstance[],
  leaving: ReadonlySet<string>,
  max: MaxUnavailable | undefined,
): ServiceRoom {
  const totalCount = instances.length;
  const up = instances.filter((instance) => isServing(instance) && !leaving.has(instance.id));
  const upCount = up.length;
  const outCount = totalCount - upCount;
  const outMaxCount = maxOutCount(totalCount, max);
  const roomCount = Math.max(0, Math.min(outMaxCount - outCount, upCount));
  return { totalCount, upCount, roomCount };
}

function maxOutCount(totalCount: number, max: MaxUnavailable | undefined): number {
  if (max === undefined) return totalCount - 1;
  if ("count" in max) return Math.min(max.count, totalCount);
  return Math.floor(totalCount * max.share);
}

/** `3` or `"25%"`; undefined for anything else. */
export function parseMaxUnavailable(value: number | string): MaxUnavailable | undefined {
  if (typeof value === "number") return value >= 0 ? { count: value } : undefined;
  const [, percent] = /^(\d{1,3})%$/.exec(value) ?? [];
  if (percent === undefined || Number(percent) > 100) return undefined;
  return { share: Number(percent) / 100 };
}

/** For logs and people: `service orders, zone eu-1`. */
export function selectorText(selector: DrainSelector): string {
  return Object.entries(selector)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]))
    .join(", ");
}
