/**
 * The answer to one watch or query, part by part: a large service is not sent in one go.
 *
 * What is in it, and the position it stands for, are those of its beginning; each record is read
 * when its part is made. So what changes in between is told as it is then, or by a change that
 * follows, and the position promises nothing that the holder was not sent.
 */
import { type ContentDigest, EMPTY_DIGEST } from "../hash.js";
import { DELTA_MAX_BYTES } from "../limits.js";
import type { OriginVersion, SnapshotKind, SnapshotMessage } from "../messages.js";
import type { RegistryRecord } from "../record.js";
import type { RecordTable, Slot } from "../table/record-table.js";
import { groupByOrigin, sizeOf } from "./record-parts.js";

export interface WatchRequest {
  readonly requestId: number;
  readonly namespace: string;
  readonly service: string;
  readonly position: readonly OriginVersion[];
  readonly digest: ContentDigest;
}

export interface SnapshotAnswerOptions {
  readonly table: RecordTable;
  readonly request: WatchRequest;
  readonly kind: SnapshotKind;
  readonly slots: readonly Slot[];
  readonly position: readonly OriginVersion[];
}

export class SnapshotAnswer {
  readonly #options: SnapshotAnswerOptions;
  /** How many slots are told. */
  #toldCount = 0;
  #isDone = false;
  #byteCount = 0;

  constructor(options: SnapshotAnswerOptions) {
    this.#options = options;
  }

  /** The final part was made. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Bytes of all parts so far, in estimate. */
  get byteCount(): number {
    return this.#byteCount;
  }

  /** The next part; the last one is final. */
  next(): SnapshotMessage {
    const { request, kind, slots, position } = this.#options;
    const groups = groupByOrigin(this.#take());
    this.#isDone = this.#toldCount >= slots.length;
    return {
      type: "snapshot",
      requestId: request.requestId,
      service: request.service,
      kind,
      isFinal: this.#isDone,
      groups,
      position: this.#isDone ? position : [],
      digest: this.#isDone ? this.#digest : EMPTY_DIGEST,
    };
  }

  /** Records for one part. */
  #take(): RegistryRecord[] {
    const { table, slots } = this.#options;
    const index = this.#serviceIndex;
    const records: RegistryRecord[] = [];
    let bytes = 0;
    for (; this.#toldCount < slots.length; this.#toldCount += 1) {
      const slot = slots[this.#toldCount] as Slot;
      // Collected meanwhile: that was told.
      if (!table.isUsed(slot) || table.serviceOf(slot) !== index) continue;
      const record = table.read(slot);
      const size = sizeOf(record);
      if (bytes > 0 && bytes + size > DELTA_MAX_BYTES) break;
      records.push(record);
      bytes += size;
    }
    this.#byteCount += bytes;
    return records;
  }

  get #serviceIndex(): number {
    const { table, request } = this.#options;
    return table.findService(request.namespace, request.service);
  }

  get #digest(): ContentDigest {
    const { table } = this.#options;
    const index = this.#serviceIndex;
    return index < 0
      ? EMPTY_DIGEST
      : table.digestOf(index as Parameters<RecordTable["digestOf"]>[0]);
  }
}
