/** Origins and services of a column table: their indexes, lists' ends, and running sums. */
import { AssertionError, assert } from "../assert.js";
import type { ContentDigest } from "../hash.js";
import type { Origin } from "../record.js";
import { OriginIndexMap } from "./origin-index-map.js";
import { NAME_INDEX_COUNT_MAX, NIL } from "./record-rows.js";
import type { OriginIndex, ServiceIndex, Slot } from "./record-table.js";

/** A rough cost of one name's objects and of its entry in a map. */
const NAME_OVERHEAD_BYTES = 250;

/** What the live records of an origin or of a service add up to. */
export class Tally {
  recordCount = 0;
  liveCount = 0;
  #high = 0;
  #low = 0;

  get digest(): ContentDigest {
    return { high: this.#high, low: this.#low };
  }

  add(digest: ContentDigest): void {
    this.liveCount += 1;
    this.#high = (this.#high + digest.high) >>> 0;
    this.#low = (this.#low + digest.low) >>> 0;
  }

  subtract(digest: ContentDigest): void {
    assert(this.liveCount > 0, "a tally without live records has none to take back");
    this.liveCount -= 1;
    this.#high = (this.#high - digest.high) >>> 0;
    this.#low = (this.#low - digest.low) >>> 0;
  }
}

export class OriginEntry extends Tally {
  readonly origin: Origin;
  /** Ends of the list of its records in version order. */
  head: Slot = NIL;
  tail: Slot = NIL;
  /** A slot of that list near which the next search is likely to end; NIL for none. */
  near: Slot = NIL;

  constructor(origin: Origin) {
    super();
    this.origin = origin;
  }
}

export class ServiceEntry extends Tally {
  readonly namespace: string;
  readonly service: string;
  /** First of the list of its records. */
  head: Slot = NIL;

  constructor(namespace: string, service: string) {
    super();
    this.namespace = namespace;
    this.service = service;
  }
}

export class NameTable {
  readonly #origins: OriginEntry[] = [];
  readonly #originIndexes = new OriginIndexMap();
  /** The origin asked for last: writes come in runs of one origin. */
  #recentOrigin = -1;
  readonly #services: (ServiceEntry | undefined)[] = [];
  /** Indexes of services that have lost their last record. */
  readonly #freeServices: ServiceIndex[] = [];
  readonly #serviceByName = new Map<string, Map<string, ServiceIndex>>();
  #textBytes = 0;

  get byteCount(): number {
    return (this.originCount + this.serviceCount) * NAME_OVERHEAD_BYTES + this.#textBytes;
  }

  get originCount(): number {
    return this.#origins.length;
  }

  get serviceCount(): number {
    return this.#services.length - this.#freeServices.length;
  }

  serviceCountOf(namespace: string): number {
    return this.#serviceByName.get(namespace)?.size ?? 0;
  }

  *serviceIndexesOf(namespace: string): Generator<ServiceIndex, void, undefined> {
    yield* this.#serviceByName.get(namespace)?.values() ?? [];
  }

  /** The index of an origin, or -1 when it was never used. */
  findOrigin(origin: Origin): OriginIndex {
    const recent = this.#origins[this.#recentOrigin]?.origin;
    if (recent !== undefined && isSameOrigin(recent, origin)) return this.#recentOrigin;
    const index = this.#originIndexes.get(origin) ?? -1;
    this.#recentOrigin = index;
    return index;
  }

  originIndex(origin: Origin): OriginIndex {
    const known = this.findOrigin(origin);
    if (known !== -1) return known;
    const index = this.#origins.length;
    assert(index < NAME_INDEX_COUNT_MAX, `origin ${index} must be below ${NAME_INDEX_COUNT_MAX}`);
    const { nodeId, generation, scope } = origin;
    this.#origins.push(new OriginEntry(Object.freeze({ nodeId, generation, scope })));
    this.#originIndexes.set(origin, index);
    this.#textBytes += 2 * nodeId.length;
    return index;
  }

  origin(index: OriginIndex): OriginEntry {
    const entry = this.#origins[index];
    if (entry === undefined) {
      throw new AssertionError(`origin index ${index} must be below ${this.#origins.length}`);
    }
    return entry;
  }

  findService(namespace: string, service: string): ServiceIndex {
    return this.#serviceByName.get(namespace)?.get(service) ?? -1;
  }

  serviceIndex(namespace: string, service: string): ServiceIndex {
    const known = this.findService(namespace, service);
    if (known !== -1) return known;
    const index = this.#freeServices.pop() ?? this.#services.length;
    assert(index < NAME_INDEX_COUNT_MAX, `service ${index} must be below ${NAME_INDEX_COUNT_MAX}`);
    this.#services[index] = new ServiceEntry(namespace, service);
    const named = this.#serviceByName.get(namespace) ?? new Map<string, ServiceIndex>();
    if (named.size === 0) this.#serviceByName.set(namespace, named);
    named.set(service, index);
    this.#textBytes += 2 * (namespace.length + service.length);
    return index;
  }

  service(index: ServiceIndex): ServiceEntry {
    const entry = this.#services[index];
    if (entry === undefined) throw new AssertionError(`service index ${index} must be in use`);
    return entry;
  }

  /** Forgets a service without records, so that names once used cost nothing for ever. */
  releaseService(index: ServiceIndex): void {
    const { namespace, service } = this.service(index);
    const named = this.#serviceByName.get(namespace);
    named?.delete(service);
    if (named?.size === 0) this.#serviceByName.delete(namespace);
    this.#services[index] = undefined;
    this.#freeServices.push(index);
    this.#textBytes -= 2 * (namespace.length + service.length);
  }
}

function isSameOrigin(a: Origin, b: Origin): boolean {
  return a.generation === b.generation && a.scope === b.scope && a.nodeId === b.nodeId;
}
