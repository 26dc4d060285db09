/** The parts of nodes and clients that oracles look at: small, so that a test can forge them. */
import type { ClientEffect, OriginVersion, RegistryRecord } from "@fpzk/core";

/** One life of a node. */
export interface SeenNode {
  readonly id: string;
  readonly region: string;
  /** The generation that it began with; it may rise, no other life has one in between. */
  readonly startGeneration: number;
}

/** Whether a record is of a life of a node: what this life wrote, or seemingly did. */
export function isOfLife(node: SeenNode, { origin }: Pick<RegistryRecord, "origin">): boolean {
  return origin.nodeId === node.id && origin.generation >= node.startGeneration;
}

/** One life of a program with its client. */
export interface SeenClient {
  readonly id: string;
  readonly region: string;
}

/** What a view holds beside what it shows. */
export interface SeenView {
  /** Whose own records it shows. */
  readonly region: string;
  readonly position: readonly OriginVersion[];
  recordsOf(id: string): readonly RegistryRecord[];
}

/** A client whose views can be looked into. */
export interface SeenViewHolder extends SeenClient {
  readonly machine: { view(service: string): SeenView | undefined };
}

/** The view of a client that has any: a forged one may have none. */
export function viewOf(client: SeenClient, service: string): SeenView | undefined {
  const { machine } = client as { readonly machine?: Partial<SeenViewHolder["machine"]> };
  return machine?.view?.(service);
}

export type ViewChanged = Extract<ClientEffect, { type: "view-changed" }>;
