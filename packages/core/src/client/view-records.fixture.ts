/** Records and a decoder for tests of views: a body is one byte, which means a weight. */
import type { InstanceDescription } from "../instance.js";
import { InstanceState, type Origin, RecordKind, type RegistryRecord, Scope } from "../record.js";
import type { BodyDecoder } from "./service-view.js";

/** A body that means nothing. */
export const BAD_BODY = new Uint8Array([255]);

export function describe(weight: number): InstanceDescription {
  return {
    ...{ group: "", version: "", region: "", zone: "", weight, startWallTime: 0 },
    endpoints: [],
    metadata: {},
  };
}

export const decoder: BodyDecoder = {
  instance: (body) => (body[0] === 255 ? undefined : describe(body[0] ?? 0)),
  override: (body) => (body.length === 0 ? {} : { weight: body[0] ?? 0 }),
};

export function origin(nodeId: string, scope: Scope = Scope.global, generation = 1): Origin {
  return { nodeId, generation, scope };
}

/** An instance record of service `s`; what is left out is plain. */
export function record(
  id: string,
  version: number,
  change: Partial<RegistryRecord> = {},
): RegistryRecord {
  const from = change.origin ?? origin("n1");
  return {
    kind: RecordKind.instance,
    scope: from.scope,
    namespace: "default",
    service: "s",
    id,
    origin: from,
    version,
    stamp: { incarnation: 1, session: 1, claim: 0 },
    state: InstanceState.up,
    isSuspect: false,
    reason: 0,
    since: 7,
    body: new Uint8Array([100]),
    ...change,
  };
}
