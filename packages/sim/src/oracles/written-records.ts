/** Every record that any origin wrote, as it put it into its own table: the oracles' evidence. */
import { InstanceState, RecordKind, type RegistryRecord } from "@fpzk/core";
import { keyOf, orderOfStamps } from "./record-order.js";
import { isOfLife, type SeenNode } from "./seen.js";

/** A record at the moment in which its origin wrote it. */
export interface Written {
  readonly at: number;
  readonly record: RegistryRecord;
}

export class WrittenRecords {
  readonly #now: () => number;
  /** Origin → version → record. */
  readonly #byOrigin = new Map<string, Map<number, Written>>();
  /** Key → tombstones, in order of writing. */
  readonly #tombstones = new Map<string, Written[]>();
  readonly #regions = new Map<string, string>();

  constructor(now: () => number) {
    this.#now = now;
  }

  stored(node: SeenNode, record: RegistryRecord): void {
    this.#regions.set(node.id, node.region);
    if (!isOfLife(node, record)) return;
    const written = { at: this.#now(), record };
    const name = originName(record);
    const versions = this.#byOrigin.get(name) ?? new Map<number, Written>();
    this.#byOrigin.set(name, versions);
    versions.set(record.version, written);
    if (record.state !== InstanceState.removed || record.kind === RecordKind.canary) return;
    const key = keyOf(record);
    const tombstones = this.#tombstones.get(key);
    if (tombstones === undefined) this.#tombstones.set(key, [written]);
    else tombstones.push(written);
  }

  /** The region of a node that ever stored anything. */
  regionOf(nodeId: string): string | undefined {
    return this.#regions.get(nodeId);
  }

  /** What the origin of a record wrote under its version. */
  original(record: RegistryRecord): Written | undefined {
    return this.#byOrigin.get(originName(record))?.get(record.version);
  }

  /** The tombstones of a key that cover a record: their stamps are not below the record's. */
  tombstonesOver(
    record: Pick<RegistryRecord, "kind" | "scope" | "service" | "id" | "stamp">,
  ): Written[] {
    const tombstones = this.#tombstones.get(keyOf(record)) ?? [];
    return tombstones.filter(({ record: { stamp } }) => orderOfStamps(stamp, record.stamp) >= 0);
  }
}

function originName({ origin }: RegistryRecord): string {
  return `${origin.nodeId}/${origin.generation}/${origin.scope}`;
}
