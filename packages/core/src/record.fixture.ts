/** Records for tests: name what matters, the rest has a default. */
import {
  InstanceState,
  type Origin,
  RecordKind,
  type RegistryRecord,
  RemovalReason,
  Scope,
  type Stamp,
} from "./record.js";

export function originOf(nodeId: string, generation = 1, scope: Scope = Scope.global): Origin {
  return { nodeId, generation, scope };
}

export function stampOf(incarnation: number, session = 1, claim = 0): Stamp {
  return { incarnation, session, claim };
}

/** A live instance `default/cart/<id>`, first version of node `a`. */
export function recordFor(id: string, change: Partial<RegistryRecord> = {}): RegistryRecord {
  const origin = change.origin ?? originOf("a");
  return {
    kind: RecordKind.instance,
    scope: origin.scope,
    namespace: "default",
    service: "cart",
    id,
    origin,
    version: 1,
    stamp: stampOf(1),
    state: InstanceState.up,
    isSuspect: false,
    reason: RemovalReason.none,
    since: 0,
    body: new Uint8Array([1]),
    ...change,
  };
}

/** The tombstone of {@link recordFor}. */
export function tombstoneFor(id: string, change: Partial<RegistryRecord> = {}): RegistryRecord {
  return recordFor(id, {
    state: InstanceState.removed,
    reason: RemovalReason.deregistered,
    body: new Uint8Array(0),
    ...change,
  });
}
