import type { ViewInstance } from "./picker.js";

/** Which instances of a service are wanted: an exact match of each; what is absent matches all. */
export interface Filter {
  readonly group?: string;
  readonly version?: string;
  readonly region?: string;
  readonly zone?: string;
  /** Each entry must be there with this value; others may be there too. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** True when the instance has everything that the filter names. State and health do not count. */
export function matchesFilter(
  instance: Pick<ViewInstance, "description">,
  filter: Filter,
): boolean {
  const { group, version, region, zone, metadata } = instance.description;
  return (
    isWanted(filter.group, group) &&
    isWanted(filter.version, version) &&
    isWanted(filter.region, region) &&
    isWanted(filter.zone, zone) &&
    (filter.metadata === undefined || hasEntries(metadata, filter.metadata))
  );
}

function isWanted(wanted: string | undefined, actual: string): boolean {
  return wanted === undefined || wanted === actual;
}

/** A wanted name from outside may be `constructor`; what is inherited never equals a text. */
function hasEntries(
  actual: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): boolean {
  for (const name of Object.keys(wanted)) {
    if (actual[name] !== wanted[name]) return false;
  }
  return true;
}
