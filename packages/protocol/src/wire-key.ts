/**
 * Namespace and service of a record as they are sent.
 *
 * Nodes of earlier versions keep records of kinds that they do not know, and pass them on, but
 * expect them to be of no namespace and service. So those of route sets are not sent: the
 * namespace is the first part of the id, and the service is always the same.
 */
import { RecordKind, type RegistryRecord, ROUTE_SET_SERVICE } from "@fpzk/core";
import { findNameProblem, show } from "./names.js";
import { WireFault } from "./wire-fault.js";

export interface WireKey {
  readonly namespace: string;
  readonly service: string;
}

const NO_SERVICE: WireKey = { namespace: "", service: "" };

/** What is sent of a record's namespace and service. */
export function wireKeyOf(record: Pick<RegistryRecord, "kind" | "namespace" | "service">): WireKey {
  return record.kind === RecordKind.routeSet ? NO_SERVICE : record;
}

/** What was meant by what was sent. @throws {@link WireFault} for an id that names no route set. */
export function keyOfWire(kind: RecordKind, id: string, sent: WireKey): WireKey {
  if (kind !== RecordKind.routeSet) return sent;
  const slash = id.indexOf("/");
  const namespace = id.slice(0, Math.max(0, slash));
  const problem =
    findNameProblem("namespace", namespace) ?? findNameProblem("service", id.slice(slash + 1));
  if (problem !== undefined) {
    throw new WireFault("id", `${show(id)} must be namespace/name of a route set: ${problem}`);
  }
  return { namespace, service: ROUTE_SET_SERVICE };
}
