import { MapRecordTable, type RegistryRecord, type Slot } from "@fpzk/core";

interface TableObserver {
  stored(record: RegistryRecord): void;
  dropped(record: RegistryRecord): void;
}

/** A table that tells what is stored in it, and what is dropped from it. */
export class ObservedTable extends MapRecordTable {
  readonly #observer: TableObserver;

  constructor(observer: TableObserver) {
    super();
    this.#observer = observer;
  }

  override put(record: RegistryRecord): Slot {
    const slot = super.put(record);
    this.#observer.stored(record);
    return slot;
  }

  override remove(slot: Slot): void {
    const record = this.read(slot);
    super.remove(slot);
    this.#observer.dropped(record);
  }
}
