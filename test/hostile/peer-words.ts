/** Words of the peer protocol for hostile peers: name what matters, the rest has a default. */
import { type Origin, RecordKind, type RegistryRecord, RemovalReason } from "@fpzk/core";
import { BODY } from "./raw-attacker.js";

export function digestOf(entries: ReturnType<typeof entryOf>[]) {
  return {
    type: "digest" as const,
    entries,
    floors: [],
    hears: [],
    isReady: true,
    repair: "none" as const,
    ended: [],
  };
}

export function entryOf(origin: Origin, version: number) {
  return { origin, version, watermark: 0, content: { high: 0, low: 0 } };
}

export function recordOf(
  origin: Origin,
  version: number,
  more: Partial<RegistryRecord> & { readonly service: string; readonly id: string },
): RegistryRecord {
  return {
    kind: RecordKind.instance,
    scope: origin.scope,
    namespace: "default",
    origin,
    version,
    stamp: { incarnation: 1, session: 1, claim: 0 },
    state: 0,
    isSuspect: false,
    reason: RemovalReason.none,
    since: 1,
    body: BODY,
    ...more,
  };
}
