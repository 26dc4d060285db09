import {
  InstanceState,
  originText,
  type RegistryNode,
  type RegistryRecord,
  recordKeyText,
  type ServiceView,
} from "@fpzk/core";

/**
 * What a view shows otherwise than its node, or undefined.
 *
 * Versions are not compared: a record that was written again as it was is nothing to tell anybody.
 *
 * A view may hold more than its node: what a node wrote that crashed before it told any other, and
 * what belongs to a region that is not the node's. No answer can prove those gone. And it may hold
 * less: what it saw removed, by a node that told no other.
 */
export function viewDifference(view: ServiceView, node: RegistryNode): string | undefined {
  const held = new Map<string, RegistryRecord>();
  for (const slot of node.table.slots()) {
    const record = node.table.read(slot);
    const isOfService = record.namespace === view.namespace && record.service === view.service;
    if (isOfService && record.state !== InstanceState.removed) {
      held.set(recordKeyText(record), record);
    }
  }
  const seen = new Map(node.digest().map((entry) => [originText(entry.origin), entry.version]));
  for (const record of view.save().groups.flatMap((group) => group.records)) {
    const key = recordKeyText(record);
    const same = held.get(key);
    if (record.state === InstanceState.removed) {
      // What it saw removed it may not show again, also where every node lost the removal.
      if (record.version > (seen.get(originText(record.origin)) ?? 0)) held.delete(key);
      continue;
    }
    held.delete(key);
    // Written again with the same content, it is the same to whoever was told "unchanged".
    if (same !== undefined && describe(same) === describe(record)) continue;
    if (record.version > (seen.get(originText(record.origin)) ?? 0)) continue;
    const other = same === undefined ? "none" : `${describe(same)} v${same.version}`;
    return `view ${describe(record)} v${record.version}, node ${other}`;
  }
  for (const record of held.values()) return `node alone has ${describe(record)}`;
  return undefined;
}

function describe(record: RegistryRecord): string {
  const { stamp, origin, state, isSuspect } = record;
  const name = `${record.kind} ${record.service}/${record.id}`;
  return `${name} (${stamp.incarnation}, ${stamp.session}, ${stamp.claim}) state ${state} suspect ${isSuspect} of ${origin.nodeId}/${origin.generation}`;
}
