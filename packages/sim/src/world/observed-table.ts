import type { RecordTable, RegistryRecord } from "@fpzk/core";

export interface TableObserver {
  stored(record: RegistryRecord): void;
  dropped(record: RegistryRecord): void;
}

/** Makes a table tell what is stored in it, and what is dropped from it. */
export function observeTable<Table extends RecordTable>(
  table: Table,
  observer: TableObserver,
): Table {
  const put = table.put.bind(table);
  const remove = table.remove.bind(table);
  table.put = (record) => {
    const slot = put(record);
    observer.stored(record);
    return slot;
  };
  table.remove = (slot) => {
    const record = copyOf(table.read(slot));
    remove(slot);
    observer.dropped(record);
  };
  return table;
}

/** A record that stays as it is: some tables give views into their memory. */
function copyOf(record: RegistryRecord): RegistryRecord {
  return { ...record, body: record.body.slice() };
}
