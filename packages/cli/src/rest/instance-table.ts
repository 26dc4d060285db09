/** Instances as lines for people. */
import type { Color, Column } from "../text-table.js";
import { endpointText, type InstanceJson } from "./answers.js";

const STATE_COLORS: Readonly<Record<string, Color>> = {
  up: "green",
  draining: "yellow",
  offline: "red",
};
const LIVENESS_COLORS: Readonly<Record<string, Color>> = {
  alive: "green",
  suspect: "red",
  orphaned: "yellow",
  unreachable: "yellow",
};

export function instanceColumns(): readonly Column<InstanceJson>[] {
  return [
    { title: "ID", text: (row) => row.id },
    { title: "ENDPOINT", text: endpointText },
    { title: "STATE", text: (row) => row.state, color: (row) => STATE_COLORS[row.state] },
    {
      title: "LIVENESS",
      text: livenessText,
      color: (row) => LIVENESS_COLORS[row.liveness],
    },
    { title: "WEIGHT", text: (row) => String(row.weight), isNumber: true },
    { title: "REGION", text: (row) => row.region || "-" },
    { title: "ZONE", text: (row) => row.zone || "-" },
    { title: "VERSION", text: (row) => row.version || "-" },
    { title: "GROUP", text: (row) => row.group || "-" },
    { title: "METADATA", text: metadataText, color: () => "dim" },
  ];
}

/** With the reason, where the node that answered knows it. */
export function livenessText({ liveness, suspicion }: InstanceJson): string {
  if (suspicion === undefined) return liveness;
  const { reason, accuserCount } = suspicion;
  const by = accuserCount === undefined ? "" : ` by ${accuserCount} callers`;
  return `${liveness}: ${reason}${by}`;
}

function metadataText({ metadata }: InstanceJson): string {
  const entries = Object.entries(metadata).map(([name, value]) => `${name}=${value}`);
  return entries.join(" ") || "-";
}
