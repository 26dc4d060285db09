/** Which instances a caller wants to see. */
import type { ViewInstance } from "@fpzk/core";
import type { Filter } from "./api.js";

/** True when every given part matches exactly. */
export function matchesFilter(instance: ViewInstance, filter: Filter): boolean {
  const { description } = instance;
  const { group, version, region, zone, metadata } = filter;
  return (
    (group === undefined || description.group === group) &&
    (version === undefined || description.version === version) &&
    (region === undefined || description.region === region) &&
    (zone === undefined || description.zone === zone) &&
    (metadata === undefined ||
      Object.entries(metadata).every(([key, value]) => description.metadata[key] === value))
  );
}
