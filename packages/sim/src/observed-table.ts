import { MapRecordTable, type RegistryRecord, type Slot } from "@fpzk/core";

/** A table that tells what is stored in it. */
export class ObservedTable extends MapRecordTable {
  readonly #onPut: (record: RegistryRecord) => void;

  constructor(onPut: (record: RegistryRecord) => void) {
    super();
    this.#onPut = onPut;
  }

  override put(record: RegistryRecord): Slot {
    const slot = super.put(record);
    this.#onPut(record);
    return slot;
  }
}
