import {
  InstanceState,
  originText,
  type RegistryNode,
  type RegistryRecord,
  recordKeyText,
  type ServiceView,
} from "@fpzk/core";

/** How a view stands to its node. */
export interface ViewComparison {
  /** What it shows otherwise; undefined when nothing that matters. */
  readonly difference: string | undefined;
  /** Whether it differs in what no node knows of: then its digest differs too, and stays so. */
  readonly isApart: boolean;
}

/**
 * Compares a view with its node.
 *
 * Versions are not compared: a record that was written again as it was is nothing to tell anybody.
 *
 * A view may hold more than its node: what a node wrote that crashed before it told any other, and
 * what belongs to a region that is not the node's. No answer can prove those gone. And it may hold
 * less: what it saw removed, by a node that told no other.
 */
export function compareView(view: ServiceView, node: RegistryNode): ViewComparison {
  let isApart = false;
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
      if (record.version <= (seen.get(originText(record.origin)) ?? 0)) continue;
      // Of each such key, not of the first alone.
      if (held.delete(key)) isApart = true;
      continue;
    }
    held.delete(key);
    // Written again with the same content, it is the same to whoever was told "unchanged".
    if (same !== undefined && describe(same) === describe(record)) continue;
    if (record.version > (seen.get(originText(record.origin)) ?? 0)) {
      isApart = true;
      continue;
    }
    const other = same === undefined ? "none" : `${describe(same)} v${same.version}`;
    const difference = `view ${describe(record)} v${record.version}, node ${other}`;
    return { difference, isApart };
  }
  for (const record of held.values()) {
    return { difference: `node alone has ${describe(record)}`, isApart };
  }
  return { difference: undefined, isApart };
}

function describe(record: RegistryRecord): string {
  const { stamp, origin, state, isSuspect } = record;
  const name = `${record.kind} ${record.service}/${record.id}`;
  return `${name} (${stamp.incarnation}, ${stamp.session}, ${stamp.claim}) state ${state} suspect ${isSuspect} of ${origin.nodeId}/${origin.generation}`;
}
