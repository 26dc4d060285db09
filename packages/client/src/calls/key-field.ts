/** Where a request says the key of policies by key; the same field as FPZKProxy's. */
export const KEY_FIELD = "x-fpzk-key";

/** What a pick heeds of a request. */
export function contextOf(key: string | undefined): { key?: string } {
  return key === undefined ? {} : { key };
}
