/** Origin → index, without a text put together for each question. */
import type { Origin } from "../record.js";
import type { OriginIndex } from "./record-table.js";

export class OriginIndexMap {
  /** By scope, then node id, then generation. */
  readonly #byScope = new Map<number, Map<string, Map<number, OriginIndex>>>();

  get(origin: Origin): OriginIndex | undefined {
    return this.#byScope.get(origin.scope)?.get(origin.nodeId)?.get(origin.generation);
  }

  set({ scope, nodeId, generation }: Origin, index: OriginIndex): void {
    let byNode = this.#byScope.get(scope);
    if (byNode === undefined) {
      byNode = new Map();
      this.#byScope.set(scope, byNode);
    }
    const byGeneration = byNode.get(nodeId);
    if (byGeneration === undefined) byNode.set(nodeId, new Map([[generation, index]]));
    else byGeneration.set(generation, index);
  }
}
