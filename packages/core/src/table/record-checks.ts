/**
 * What every table demands of its callers; a failure is a bug of the caller, not of the world.
 *
 * Each message is put together only when its check fails: these run for every write.
 */
import { AssertionError, assert } from "../assert.js";
import { BODY_MAX_BYTES, NAME_MAX_BYTES } from "../limits.js";
import { InstanceState, type RegistryRecord } from "../record.js";

/** Kinds fit three bits, reasons four: what a table keeps of them. */
const KIND_MAX = 7;
const REASON_MAX = 15;
const UINT16_MAX = 0xffff;
const UINT32_MAX = 0xffff_ffff;
const LONG_MAX = Number.MAX_SAFE_INTEGER;

/** Asserts that a record's fields are within what tables can hold. */
export function assertStorable(record: RegistryRecord): void {
  const { stamp, scope, origin, body } = record;
  assertWhole("kind", record.kind, 1, KIND_MAX);
  assertWhole("version", record.version, 1, LONG_MAX);
  assertWhole("incarnation", stamp.incarnation, 0, LONG_MAX);
  assertWhole("session", stamp.session, 0, UINT32_MAX);
  assertWhole("claim", stamp.claim, 0, UINT16_MAX);
  assertWhole("state", record.state, 0, InstanceState.removed);
  assertWhole("reason", record.reason, 0, REASON_MAX);
  assertWhole("since", record.since, 0, LONG_MAX);
  if (scope !== origin.scope || (scope !== 0 && scope !== 1)) {
    throw new AssertionError(`record scope ${scope} must be 0 or 1, as its origin's is`);
  }
  if (body.length > BODY_MAX_BYTES) {
    throw new AssertionError(
      `record body of ${body.length} bytes must be at most ${BODY_MAX_BYTES}`,
    );
  }
}

/** Asserts that an id's encoded length is within what tables can hold. */
export function assertIdBytes(idBytes: number): void {
  assert(idBytes <= NAME_MAX_BYTES, `id of ${idBytes} bytes must be at most ${NAME_MAX_BYTES}`);
}

/** Asserts that a number can be kept beside a slot. */
export function assertTag(tag: number): void {
  assertWhole("tag", tag, 0, UINT32_MAX);
}

function assertWhole(name: string, value: number, min: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  throw new AssertionError(`record ${name} ${value} must be a whole number, ${min} to ${max}`);
}
