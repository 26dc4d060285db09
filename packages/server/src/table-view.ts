/** What a node's table says of one service, as faces show it. */
import {
  InstanceLoad,
  InstanceState,
  livenessOf,
  type MemberView,
  RecordKind,
  type RecordTable,
  type RegistryRecord,
  type ServiceIndex,
  type Slot,
  type Suspicion,
  type ViewInstance,
} from "@fpzk/core";
import { decodeInstanceDescription, decodeOverrideDescription } from "@fpzk/protocol";
import type { ServiceSummary } from "./registry-port.js";

/** The instances of a service; one whose body cannot be read here is left out. */
export function viewService(
  table: RecordTable,
  service: ServiceIndex,
  members: readonly MemberView[],
  suspicionOf: (slot: Slot) => Suspicion | undefined,
): ViewInstance[] {
  if (service < 0) return [];
  const instances: RegistryRecord[] = [];
  const suspicions = new Map<string, Suspicion>();
  const overrides = new Map<string, RegistryRecord>();
  for (const slot of table.slotsOf(service)) {
    if (table.state(slot) === InstanceState.removed) continue;
    // The body is a view into the table, valid here because nothing is written meanwhile.
    const record = table.read(slot);
    if (record.kind === RecordKind.instance) {
      instances.push(record);
      const suspicion = suspicionOf(slot);
      if (suspicion !== undefined) suspicions.set(record.id, suspicion);
    } else if (record.kind === RecordKind.override) overrides.set(record.id, record);
  }
  const memberById = new Map(members.map((member) => [member.nodeId, member]));
  return instances
    .map((record) => toViewInstance(record, overrides.get(record.id), memberById))
    .filter((instance) => instance !== undefined)
    .map((instance) => {
      const suspicion = suspicions.get(instance.id);
      return suspicion === undefined ? instance : { ...instance, suspicion };
    })
    .sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

/** All services of a namespace that have instances, by name. */
export function summarizeServices(table: RecordTable, namespace: string): ServiceSummary[] {
  const summaries: ServiceSummary[] = [];
  for (const index of table.servicesOf(namespace)) {
    if (table.liveCountOf(index) === 0) continue;
    let instanceCount = 0;
    let upCount = 0;
    for (const slot of table.slotsOf(index)) {
      if (table.kind(slot) !== RecordKind.instance) continue;
      const state = table.state(slot);
      if (state === InstanceState.removed) continue;
      instanceCount += 1;
      if (state === InstanceState.up && !table.isSuspect(slot)) upCount += 1;
    }
    const { service } = table.serviceName(index);
    if (instanceCount > 0) summaries.push({ service, instanceCount, upCount });
  }
  return summaries.sort((a, b) => (a.service < b.service ? -1 : 1));
}

function toViewInstance(
  record: RegistryRecord,
  override: RegistryRecord | undefined,
  members: ReadonlyMap<string, MemberView>,
): ViewInstance | undefined {
  const decoded = decodeInstanceDescription(record.body);
  if (!decoded.ok) return undefined;
  const word = override === undefined ? undefined : decodeOverrideDescription(override.body);
  const overrideWeight = word?.ok === true ? word.description.weight : undefined;
  const hasState = override !== undefined && override.state !== InstanceState.up;
  return {
    namespace: record.namespace,
    service: record.service,
    id: record.id,
    stamp: record.stamp,
    since: record.since,
    state: hasState ? override.state : record.state,
    liveness: livenessOf(record, members),
    weight: overrideWeight ?? decoded.description.weight,
    description: decoded.description,
    ownerNodeId: record.origin.nodeId,
    load: new InstanceLoad(),
  };
}
